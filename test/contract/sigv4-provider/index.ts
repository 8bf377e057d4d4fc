/**
 * A vendor that takes OpenAI's chat and wants every request signed by AWS
 * Signature Version 4. The plugin names the scheme; it sees no credential.
 */
import { definePlugin } from '@rutter/plugin-sdk';
import { openAiChatCodec } from '@rutter/plugin-sdk/codecs';

export default definePlugin({
  kind: 'provider',
  setup: () => ({
    origin: 'https://models.example',
    auth: { scheme: 'sigv4', service: 'models', region: 'eu-central-1' },
    chat: openAiChatCodec(),
  }),
});
