/** Codec for Anthropic's Messages API, version 2023-06-01. */
import type { ChatCodec } from '../../contract/wire.ts';
import { readReply } from './reply.ts';
import { type AnthropicCodecOptions, writeRequest } from './request.ts';
import { readEvents } from './stream.ts';
import { bestStructure } from './structure.ts';

/** Chat with a model that speaks the Messages API. */
export function anthropicMessagesCodec(options: AnthropicCodecOptions = {}): ChatCodec {
  return {
    framing: 'sse',
    request: (input) => writeRequest(input, options),
    reply: (body) => readReply(body),
    events: () => readEvents(),
    structured: bestStructure,
  };
}
