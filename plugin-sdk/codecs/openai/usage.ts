/**
 * OpenAI counts parts inside wholes: cached and audio tokens inside the
 * prompt, reasoning and audio inside the completion. Ours are disjoint
 * buckets whose sum is the whole, whatever a vendor reports.
 */
import type { Usage } from '../../contract/chat.ts';
import { defined, isObject, type JsonObject } from '../values.ts';

const count = (value: unknown): number => (typeof value === 'number' && value > 0 ? Math.floor(value) : 0);
const object = (value: unknown): JsonObject => (isObject(value) ? value : {});
const some = (value: number) => (value > 0 ? value : undefined);

/** Takes parts out of a whole, none more than what is left. */
function divide(whole: number): { take(part: number): number; left(): number } {
  let left = whole;
  return {
    take(part) {
      const taken = Math.min(part, left);
      left -= taken;
      return taken;
    },
    left: () => left,
  };
}

/** Buckets of a `usage` object in the OpenAI shape; undefined for anything else. */
export function readUsage(found: unknown): Usage | undefined {
  if (!isObject(found) || (typeof found.prompt_tokens !== 'number' && typeof found.completion_tokens !== 'number')) {
    return undefined;
  }
  const inputDetails = object(found.prompt_tokens_details);
  const writes = object(inputDetails.cache_creation_token_details);
  const prompt = divide(count(found.prompt_tokens));
  const cachedInput = prompt.take(
    count(inputDetails.cached_tokens) ||
      count(found.prompt_cache_hit_tokens) ||
      count(found.cache_read_input_tokens) ||
      count(found.num_cached_tokens) ||
      count(found.cached_tokens),
  );
  const cacheWriteLong = prompt.take(count(writes.ephemeral_1h_input_tokens));
  const written = count(found.cache_creation_input_tokens) || count(inputDetails.cache_creation_tokens);
  const cacheWrite = prompt.take(Math.max(0, written - cacheWriteLong));
  const audioInput = prompt.take(count(inputDetails.audio_tokens));

  const outputDetails = object(found.completion_tokens_details);
  const thought = count(outputDetails.reasoning_tokens) || count(found.reasoning_tokens);
  const completion = divide(wholeCompletion(found, thought));
  const reasoning = completion.take(thought);
  const audioOutput = completion.take(count(outputDetails.audio_tokens));
  return defined({
    input: prompt.left(),
    output: completion.left(),
    cachedInput: some(cachedInput),
    cacheWrite: some(cacheWrite),
    cacheWriteLong: some(cacheWriteLong),
    reasoning: some(reasoning),
    audioInput: some(audioInput),
    audioOutput: some(audioOutput),
  });
}

// Some vendors report reasoning beside the completion: xAI, whose total gives it away, and Perplexity, which counts
// neither that nor what it read for citations in its total.
function wholeCompletion(found: JsonObject, reasoning: number): number {
  const completion = count(found.completion_tokens);
  const apart = count(found.prompt_tokens) + completion + reasoning;
  const isPerplexity = typeof found.reasoning_tokens === 'number' && typeof found.citation_tokens === 'number';
  if (isPerplexity) return completion + reasoning;
  return reasoning > 0 && count(found.total_tokens) === apart ? completion + reasoning : completion;
}

/** A `usage` object from buckets, with the details clients read and the cache fields Anthropic users know. */
export function writeUsage(usage: Usage): JsonObject {
  const { input, output, cachedInput = 0, cacheWrite = 0, cacheWriteLong = 0 } = usage;
  const { reasoning = 0, audioInput = 0, audioOutput = 0 } = usage;
  const prompt = input + cachedInput + cacheWrite + cacheWriteLong + audioInput;
  const completion = output + reasoning + audioOutput;
  const hasWrites = usage.cacheWrite !== undefined || usage.cacheWriteLong !== undefined;
  const written = cacheWrite + cacheWriteLong;
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: {
      cached_tokens: cachedInput,
      audio_tokens: audioInput,
      ...(hasWrites && {
        cache_creation_tokens: written,
        cache_creation_token_details: {
          ephemeral_5m_input_tokens: cacheWrite,
          ephemeral_1h_input_tokens: cacheWriteLong,
        },
      }),
    },
    completion_tokens_details: { reasoning_tokens: reasoning, audio_tokens: audioOutput },
    ...(hasWrites && { cache_creation_input_tokens: written, cache_read_input_tokens: cachedInput }),
  };
}
