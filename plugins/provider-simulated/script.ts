/**
 * Scripts: how a simulated model behaves, and which one counts for a request.
 *
 * The configuration has one for all models and one a model; a request may
 * bring its own, as the field `simulate` or as `[[simulate {…}]]` in a
 * message. Of each setting the nearest counts.
 */
import { z } from '@rutter/plugin-sdk';
import { messagesOf, textOf, type WireObject } from './fields.ts';

const milliseconds = z.number().min(0).max(86_400_000);
const count = z.int().min(0).max(1_000_000);

const usage = z.strictObject({
  input: count.optional().describe('Prompt tokens that came from no cache.'),
  cachedInput: count.optional().describe('Prompt tokens that came from a cache.'),
  output: count.optional().describe('Reply tokens without reasoning.'),
  reasoning: count.optional().describe('Reasoning tokens.'),
});

const toolCall = z.strictObject({
  name: z.string().describe('Name of the tool.'),
  arguments: z.record(z.string(), z.unknown()).default({}).describe('Its arguments.'),
});

export const scriptSchema = z
  .strictObject({
    latencyMs: milliseconds.describe('Milliseconds until the reply begins to arrive.'),
    firstTokenMs: milliseconds.describe('Milliseconds until the first token; `latencyMs` when it is longer.'),
    tokensPerSecond: z.number().gt(0).max(1_000_000).describe('Speed from the first token on; at once when absent.'),
    reply: z.string().describe('What is answered; {question} and {model} are filled in.'),
    tokens: count.describe('Answer filler of so many tokens instead.'),
    reasoning: z.string().describe('Reasoning ahead of the answer.'),
    refusal: z.string().describe('Refuse, in these words.'),
    toolCalls: z.array(toolCall).describe('Call these tools.'),
    finish: z.enum(['stop', 'length', 'content_filter']).describe('Why the reply ends.'),
    usage: usage.nullable().describe('Tokens to report instead of those counted; null to report none.'),
    errorRate: z
      .number()
      .min(0)
      .max(1)
      .describe('Share of requests that fail; 1 when only `errorStatus` is given, else 0.'),
    errorStatus: z.int().min(400).max(599).describe('HTTP status of a failure; 500 when absent.'),
    errorCode: z.string().describe('Code of a failure, such as context_length_exceeded.'),
    errorMessage: z.string().describe('Message of a failure.'),
    retryAfterSeconds: z.number().min(0).describe('Retry-After header of a failure.'),
    failFirst: count.describe('Requests to this model that fail before any succeeds.'),
    stallAfterTokens: count.describe('Send nothing more after so many tokens, and keep the connection.'),
    cutAfterTokens: count.describe('Close the connection after so many tokens.'),
    garbageAfterTokens: count.describe('Send something that is no JSON after so many tokens.'),
    errorAfterTokens: count.describe('Report an error inside the stream after so many tokens.'),
    chunkBytes: z.int().min(1).describe('Cut the bytes of a stream into pieces of this size, wherever that falls.'),
  })
  .partial();

export type Script = z.output<typeof scriptSchema>;

const marker = /\[\[simulate\s+(\{.*?\})\s*\]\]/gs;

/** A message's text without scripts in it. */
export const withoutMarkers = (text: string): string => text.replace(marker, '').trim();

/** What a request asks for itself. Throws a RangeError that says what is wrong with it. */
export function scriptOf(body: WireObject): Script {
  const written = messagesOf(body).flatMap((message) =>
    Array.from(textOf(message).matchAll(marker), ([, json = '']) => parsed(json)),
  );
  return Object.assign(
    {},
    ...written.map((value) => checked(value, '[[simulate …]]')),
    checked(body.simulate ?? {}, 'simulate'),
  );
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (error) {
    throw new RangeError(`[[simulate …]] holds ${json}, which is no JSON: ${(error as Error).message}`);
  }
}

function checked(value: unknown, where: string): Script {
  const { success, data, error } = scriptSchema.safeParse(value);
  if (success) return data;
  const problems = error.issues.map(({ path, message }) => `${[where, ...path].join('.')}: ${message}`);
  throw new RangeError(problems.join('; '));
}
