/**
 * OpenAI counts parts inside wholes: cached and audio tokens inside the
 * prompt, reasoning and audio inside the completion. Ours are disjoint
 * buckets whose sum is the whole, whatever a vendor reports.
 */
import type { Usage } from '../../contract/chat.ts';
import { defined, isFilled, isNumber, isObject, type JsonObject } from '../values.ts';

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

/**
 * Buckets of a `usage` object in the OpenAI shape; undefined for anything else. `serviceTier` is the reply's own
 * `service_tier`, which stands beside it.
 */
export function readUsage(found: unknown, serviceTier?: unknown): Usage | undefined {
  if (!isObject(found) || (typeof found.prompt_tokens !== 'number' && typeof found.completion_tokens !== 'number')) {
    return undefined;
  }
  const outputDetails = object(found.completion_tokens_details);
  const thought = count(outputDetails.reasoning_tokens) || count(found.reasoning_tokens);
  const completion = divide(wholeCompletion(found, thought));
  const reasoning = completion.take(thought);
  const audioOutput = completion.take(count(outputDetails.audio_tokens));
  const imageOutput = completion.take(count(outputDetails.image_tokens));
  const prompt = readPrompt(found);
  return defined({
    ...prompt,
    output: completion.left(),
    reasoning: some(reasoning),
    audioOutput: some(audioOutput),
    imageOutput: some(imageOutput),
    ...readSearches(found),
    reported: isNumber(found.cost) ? { costUsd: found.cost } : undefined,
    serviceTier: isFilled(serviceTier) ? serviceTier : isFilled(found.service_tier) ? found.service_tier : undefined,
  });
}

/** What was read from a cache, written to one, and is neither text: in that order, none counted twice. */
function readPrompt(found: JsonObject): Pick<Usage, 'input'> & Partial<Usage> {
  const details = object(found.prompt_tokens_details);
  const writes = object(details.cache_creation_token_details);
  const cachedDetails = object(details.cached_tokens_details);
  const prompt = divide(count(found.prompt_tokens));
  const cached = divide(
    prompt.take(
      count(details.cached_tokens) ||
        count(found.prompt_cache_hit_tokens) ||
        count(found.cache_read_input_tokens) ||
        count(found.num_cached_tokens) ||
        count(found.cached_tokens),
    ),
  );
  const cachedAudioInput = cached.take(count(cachedDetails.audio_tokens));
  const cachedImageInput = cached.take(count(cachedDetails.image_tokens));
  const cacheWriteLong = prompt.take(count(writes.ephemeral_1h_input_tokens));
  const written = count(found.cache_creation_input_tokens) || count(details.cache_creation_tokens);
  const cacheWrite = prompt.take(Math.max(0, written - cacheWriteLong));
  // A sort's count is of the whole prompt, what came from a cache among it.
  const audioInput = prompt.take(Math.max(0, count(details.audio_tokens) - cachedAudioInput));
  const imageInput = prompt.take(Math.max(0, count(details.image_tokens) - cachedImageInput));
  const videoInput = prompt.take(count(details.video_tokens));
  return {
    input: prompt.left(),
    cachedInput: some(cached.left()),
    cachedAudioInput: some(cachedAudioInput),
    cachedImageInput: some(cachedImageInput),
    cacheWrite: some(cacheWrite),
    cacheWriteLong: some(cacheWriteLong),
    audioInput: some(audioInput),
    imageInput: some(imageInput),
    videoInput: some(videoInput),
  } as Pick<Usage, 'input'> & Partial<Usage>;
}

const contexts = ['low', 'medium', 'high'] as const;

/** Perplexity tells how often it searched, or only with how much context; Anthropic's counts pass through gateways. */
function readSearches(found: JsonObject): Pick<Usage, 'searches' | 'searchContext'> {
  const searchContext = contexts.find((size) => size === found.search_context_size);
  const told = count(found.num_search_queries) || count(object(found.server_tool_use).web_search_requests);
  const searches = told || (searchContext === undefined ? 0 : 1);
  return searches === 0 ? {} : { searches, ...(searchContext && { searchContext }) };
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
  const { input, output, cacheWrite = 0, cacheWriteLong = 0, reasoning = 0 } = usage;
  const { audioInput = 0, imageInput = 0, videoInput = 0, audioOutput = 0, imageOutput = 0 } = usage;
  const { cachedInput = 0, cachedAudioInput = 0, cachedImageInput = 0 } = usage;
  const cached = cachedInput + cachedAudioInput + cachedImageInput;
  const prompt = input + cached + cacheWrite + cacheWriteLong + audioInput + imageInput + videoInput;
  const completion = output + reasoning + audioOutput + imageOutput;
  const hasWrites = usage.cacheWrite !== undefined || usage.cacheWriteLong !== undefined;
  const written = cacheWrite + cacheWriteLong;
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: {
      cached_tokens: cached,
      audio_tokens: audioInput + cachedAudioInput,
      ...(imageInput + cachedImageInput > 0 && { image_tokens: imageInput + cachedImageInput }),
      ...(videoInput > 0 && { video_tokens: videoInput }),
      ...(cachedAudioInput + cachedImageInput > 0 && {
        cached_tokens_details: { audio_tokens: cachedAudioInput, image_tokens: cachedImageInput },
      }),
      ...(hasWrites && {
        cache_creation_tokens: written,
        cache_creation_token_details: {
          ephemeral_5m_input_tokens: cacheWrite,
          ephemeral_1h_input_tokens: cacheWriteLong,
        },
      }),
    },
    completion_tokens_details: {
      reasoning_tokens: reasoning,
      audio_tokens: audioOutput,
      ...(imageOutput > 0 && { image_tokens: imageOutput }),
    },
    ...((hasWrites || cached > 0) && { cache_creation_input_tokens: written, cache_read_input_tokens: cached }),
    ...(usage.reported && { cost: usage.reported.costUsd }),
    ...(usage.searches && { server_tool_use: { web_search_requests: usage.searches } }),
  };
}
