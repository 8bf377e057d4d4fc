/**
 * A vendor that takes OpenAI's chat and tokens of an OAuth 2 server, by the
 * client credentials grant. The plugin names the server; it sees no token.
 */
import { definePlugin, z } from '@rutter/plugin-sdk';
import { openAiChatCodec } from '@rutter/plugin-sdk/codecs';

const config = z.strictObject({
  tokenUrl: z.url().describe('Address of the token endpoint; `{tenant}` stands for the setting of that name.'),
});

export default definePlugin({
  kind: 'provider',
  config,
  setup: (_host, { tokenUrl }) => ({
    origin: 'https://models.example',
    auth: { scheme: 'oauth2', grant: 'client_credentials', tokenUrl, scope: 'models.call', audience: 'models' },
    chat: openAiChatCodec(),
  }),
});
