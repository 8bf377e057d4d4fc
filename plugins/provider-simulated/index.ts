/**
 * Answers without a vendor, so that a gateway can be tried with nothing at hand.
 *
 * It speaks OpenAI's dialect and opens no socket. What it says follows from
 * the request alone; how fast, how well and how badly is written in scripts.
 */
import { definePlugin } from '@rutter/plugin-sdk';
import {
  openAiChatCodec,
  openAiCompletionsCodec,
  openAiEmbeddingsCodec,
  openAiFailure,
} from '@rutter/plugin-sdk/codecs';
import { failureDrawer } from './failures.ts';
import { respond } from './respond.ts';
import { config } from './settings.ts';

export default definePlugin({
  kind: 'provider',
  config,
  setup(host, settings) {
    const failures = failureDrawer(host.random);
    return {
      origin: 'https://simulated.invalid/v1',
      auth: { scheme: 'none' },
      chat: openAiChatCodec(),
      completions: openAiCompletionsCodec(),
      embeddings: openAiEmbeddingsCodec(),
      failure: openAiFailure,
      respond: (request, signal) => respond(request, { settings, failures, clock: host.clock, signal }),
    };
  },
});
