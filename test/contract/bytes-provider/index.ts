/**
 * A vendor that takes OpenAI's chat, images and files as bytes only, and whose
 * models keep to a schema by a tool (`tool-…`) or a JSON mode (`json-…`).
 */
import { definePlugin } from '@rutter/plugin-sdk';
import { openAiChatCodec, openAiFailure } from '@rutter/plugin-sdk/codecs';

export default definePlugin({
  kind: 'provider',
  setup: () => ({
    origin: 'https://bytes.example',
    auth: { scheme: 'none' },
    chat: {
      ...openAiChatCodec(),
      inlines: ['image', 'file'],
      structured: ({ model }) => (model.startsWith('tool-') ? 'tool' : model.startsWith('json-') ? 'json' : 'native'),
    },
    failure: openAiFailure,
  }),
});
