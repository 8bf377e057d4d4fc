/** Codec for Gemini's generateContent, as the Gemini API and Vertex AI serve it. */
import type { ChatCodec } from '../../contract/wire.ts';
import { structuredBy } from './generation.ts';
import { readsAddress } from './parts.ts';
import { readReply } from './reply.ts';
import { type GeminiCodecOptions, writeRequest } from './request.ts';
import { readEvents } from './stream.ts';

/** Chat with a model behind generateContent and streamGenerateContent. */
export function geminiCodec(options: GeminiCodecOptions): ChatCodec {
  return {
    framing: 'sse',
    request: (input) => writeRequest(input, options),
    reply: (body, context) => readReply(body, context),
    events: readEvents,
    inlines: ['image', 'file'],
    imagesAreFiles: true,
    readsAddress: (address, deployment) =>
      readsAddress(address) || options.readsAddress?.(address, deployment) === true,
    structured: (deployment, request) => structuredBy(options.model?.(deployment) ?? deployment.model, request),
  };
}
