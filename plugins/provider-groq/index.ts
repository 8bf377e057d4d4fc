/**
 * Calls to Groq.
 *
 * `api_base` is taken as it stands, `/openai/v1` included; the paths are appended.
 */
import { definePlugin, z } from '@rutter/plugin-sdk';
import { groqChat } from './chat.ts';
import { groqFailure } from './failure.ts';

const config = z.strictObject({
  origin: z.url().default('https://api.groq.com/openai/v1').describe('Base address of deployments that name none.'),
});

export default definePlugin({
  kind: 'provider',
  config,
  setup(_host, { origin }) {
    return {
      origin,
      variables: { api_base: ['GROQ_API_BASE'] },
      auth: { scheme: 'header', header: 'authorization', prefix: 'Bearer ', variable: 'GROQ_API_KEY' },
      chat: groqChat,
      failure: groqFailure,
    };
  },
});
