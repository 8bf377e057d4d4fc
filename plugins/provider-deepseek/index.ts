/**
 * Calls to DeepSeek.
 *
 * `api_base` is taken as it stands, with or without `/v1` or `/beta`; the paths are appended.
 */
import { definePlugin, type FailureReader, z } from '@rutter/plugin-sdk';
import { openAiFailure, vendorFailure } from '@rutter/plugin-sdk/codecs';
import { deepSeekChat, deepSeekCompletions } from './chat.ts';

const config = z.strictObject({
  origin: z.url().default('https://api.deepseek.com').describe('Base address of deployments that name none.'),
});

/** The words by which the content filter refuses a request; they come with no code of their own. */
const refusal = /Content Exists Risk/i;

const failure: FailureReader = (status, body, headers) =>
  status === 400 && refusal.test(body)
    ? vendorFailure('ERR_PROVIDER_CONTENT_POLICY', status, { message: 'Content Exists Risk' }, headers)
    : openAiFailure(status, body, headers);

export default definePlugin({
  kind: 'provider',
  config,
  setup(_host, { origin }) {
    return {
      origin,
      variables: { api_base: ['DEEPSEEK_API_BASE'] },
      auth: { scheme: 'header', header: 'authorization', prefix: 'Bearer ', variable: 'DEEPSEEK_API_KEY' },
      chat: deepSeekChat,
      completions: deepSeekCompletions(origin),
      failure,
    };
  },
});
