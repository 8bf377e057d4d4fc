/**
 * What a guard in the sandbox may change: the words of a request or a reply,
 * in shapes that the gateway knows. What was used, and which model answered,
 * stays what the vendor said.
 */
import { type ChatReply, type ChatRequest, type Choice, type GuardVerdict, RutterError, z } from '@rutter/plugin-sdk';
import { readAs } from './vendor-shapes.ts';

const extra = z.record(z.string(), z.unknown());
const toolCall = z.object({ id: z.string(), name: z.string(), arguments: z.string(), extra: extra.optional() });
const reasoning = z.object({
  text: z.string().optional(),
  signature: z.string().optional(),
  redacted: z.string().optional(),
  origin: z.string().optional(),
});

const part = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('text'), text: z.string() }),
  z.looseObject({
    type: z.literal('image'),
    url: z.string().optional(),
    data: z.string().optional(),
    mediaType: z.string().optional(),
  }),
  z.looseObject({ type: z.literal('audio'), data: z.string(), format: z.string() }),
  z.looseObject({ type: z.literal('file'), data: z.string().optional(), url: z.string().optional() }),
  z.object({ type: z.literal('other'), origin: z.string(), value: z.unknown() }),
]);

const message = z.object({
  role: z.enum(['system', 'developer', 'user', 'assistant', 'tool']),
  content: z.union([z.string(), z.array(part)]),
  name: z.string().optional(),
  toolCalls: z.array(toolCall).optional(),
  reasoning: z.array(reasoning).optional(),
  toolCallId: z.string().optional(),
  isError: z.boolean().optional(),
  refusal: z.string().optional(),
  extra: extra.optional(),
});

const words = {
  text: z.string(),
  refusal: z.string().optional(),
  toolCalls: z.array(toolCall).optional(),
  reasoning: z.array(reasoning).optional(),
  end: z.enum(['stop', 'length', 'tool-calls', 'refusal']),
};
const reply = z.object({ ...words, others: z.array(z.object(words)).optional() });

const verdict = z.union([
  z.undefined(),
  z.strictObject({
    change: z.strictObject({ messages: z.array(message).min(1), maxOutputTokens: z.int().min(1).optional() }).partial(),
  }),
  z.strictObject({ reply }),
]);

/** ERR_PLUGIN_INVALID where the answer is none of what a check of a request may give. */
export function verdictOf(answer: unknown): GuardVerdict {
  const read = readAs(verdict, answer, 'the verdict on a request');
  if (read === undefined) return undefined;
  return 'reply' in read ? { reply: read.reply as ChatReply } : { change: read.change as Partial<ChatRequest> };
}

/** The reply with the words of the answer; the reply itself where there is none. */
export function replyOf(answer: unknown, original: ChatReply): ChatReply | undefined {
  if (answer === undefined || answer === null) return undefined;
  const { others, ...said } = readAs(reply, answer, 'an amended reply');
  const kept = original.others ?? [];
  if ((others?.length ?? kept.length) !== kept.length)
    throw new RutterError('ERR_PLUGIN_INVALID', 'it changed the number of choices of a reply');
  return {
    ...withWords(original, said as Choice),
    ...(original.others && { others: kept.map((one, index) => withWords(one, (others?.[index] ?? one) as Choice)) }),
  };
}

/** Token probabilities belong to the words they were given with. */
function withWords<T extends Choice>(original: T, said: Choice): T {
  const { text: _text, refusal: _refusal, toolCalls: _calls, reasoning: _reasoning, logprobs, ...rest } = original;
  const isSame = said.text === original.text && logprobs !== undefined;
  return { ...rest, ...said, ...(isSame && { logprobs }) } as unknown as T;
}
