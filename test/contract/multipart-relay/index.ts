/**
 * Relays audio transcriptions: OpenAI's form comes in, and the same form goes
 * to the vendor with another model name in it.
 *
 * Protocol and provider in one plugin. The operation has no neutral form:
 * what the form holds is never read, only passed on.
 */
import { type Dialect, definePlugin, type RawCodec, RutterError, z } from '@rutter/plugin-sdk';
import { openAiErrorEnvelope } from '@rutter/plugin-sdk/codecs';

const config = z.strictObject({
  origin: z.url().default('https://api.openai.com/v1').describe('Base address, where a deployment names none.'),
});

const dialect: Dialect = {
  name: 'transcription-form',
  operation: 'transcription',
  read({ fields }) {
    const { model } = fields;
    if (typeof model !== 'string' || model === '') {
      throw new RutterError('ERR_REQUEST_INVALID', 'The form has no field "model"; expected the name of a model.', {
        param: 'model',
      });
    }
    return { model, stream: false, includeUsage: false, controls: {}, strip: [] };
  },
  text: ({ prompt }) => (typeof prompt === 'string' ? prompt : ''),
  failure: openAiErrorEnvelope,
};

const codec: RawCodec = {
  dialect: dialect.name,
  pass: ({ deployment }) => ({ path: '/audio/transcriptions', set: { model: deployment.model } }),
  usage(body) {
    const { usage } = JSON.parse(new TextDecoder().decode(body)) as {
      usage?: { input_tokens: number; output_tokens: number };
    };
    return usage && { input: usage.input_tokens, output: usage.output_tokens };
  },
};

export default definePlugin({
  kind: 'protocol',
  config,
  setup: (_host, { origin }) => ({
    dialects: [dialect],
    routes: [
      {
        method: 'POST',
        mode: 'model',
        path: '/v1/audio/transcriptions',
        permission: 'model.call',
        encoding: 'multipart',
        dialect: dialect.name,
      },
    ],
    provider: {
      origin,
      auth: { scheme: 'header', header: 'authorization', prefix: 'Bearer ' },
      raw: { transcription: codec },
    },
  }),
});
