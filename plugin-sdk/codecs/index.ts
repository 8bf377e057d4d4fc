/** Shared dialects and codecs: what more than one plugin translates with. */
export { anthropicMessagesCodec } from './anthropic/codec.ts';
export { anthropicFailure } from './anthropic/failure.ts';
export { type Thinking as ClaudeThinking, writeThinking as writeClaudeThinking } from './anthropic/reasoning.ts';
export type { AnthropicCodecOptions } from './anthropic/request.ts';
export { writeSampling as writeClaudeSampling } from './anthropic/sampling.ts';
export { nativeSchema as nativeClaudeSchema } from './anthropic/structure.ts';
export { readUsage as readAnthropicUsage } from './anthropic/usage.ts';
export {
  type Drops,
  dropsFor,
  lacking,
  openAiAsks,
  openAiHints,
  takenFields,
  type VendorLimits,
} from './drops.ts';
export { collectEvents, maxReplyLength, ReplyCollector, replyEvents } from './events.ts';
export {
  malformed,
  replyObject,
  retryAfterMs,
  safeMessage,
  statusCode,
  unsupported,
  type VendorError,
  vendorFailure,
} from './failures.ts';
export { fingerprint } from './fingerprint.ts';
export { geminiCodec } from './gemini/codec.ts';
export { geminiEmbeddingsCodec } from './gemini/embeddings.ts';
export { geminiFailure } from './gemini/failure.ts';
export { modelVersion as geminiVersion } from './gemini/names.ts';
export { type GeminiCodecOptions, type GeminiMethod, modelPath, pathSegment } from './gemini/request.ts';
export { writeChat as openAiChatBody } from './openai/chat-write.ts';
export { type BodyChange, type OpenAiCodecOptions, openAiChatCodec, openAiCompletionsCodec } from './openai/codec.ts';
export { openAiChatDialect, openAiCompletionsDialect, openAiEmbeddingsDialect } from './openai/dialects.ts';
export { openAiEmbeddingsCodec, textInputs } from './openai/embeddings.ts';
export { writeFailure as openAiErrorEnvelope } from './openai/envelope.ts';
export { openAiFailure } from './openai/failure.ts';
export { decimalUsd, writeHeaders as replyHeaders } from './openai/headers.ts';
export { imagePart, type MessageRules, messagesWith, type PartWriter, plainTools } from './openai/messages.ts';
export { readUsage as readOpenAiUsage, writeUsage as writeOpenAiUsage } from './openai/usage.ts';
export { EventLines, EventSplitter, maxEventBytes } from './sse-split.ts';
export { askedText, base64Text, chatText, estimateTokens, messageText } from './text.ts';
export {
  defined,
  filled,
  isArray,
  isBoolean,
  isFilled,
  isNumber,
  isObject,
  isString,
  type JsonObject,
  parseJson,
  readDataUri,
} from './values.ts';
