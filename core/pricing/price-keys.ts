/**
 * What the names of prices mean, as LiteLLM's map spells them: a unit, and
 * after it, in any order, the length of prompt above which the price holds
 * and the vendor's tier of service.
 */
import type { Usage } from '@rutter/plugin-sdk';

/** Everything a call may be charged for. */
export type Bucket =
  | Exclude<keyof Usage, 'estimated' | 'reported' | 'serviceTier' | 'uplifts' | 'searchContext'>
  | 'request'
  | 'searchesLow'
  | 'searchesMedium'
  | 'searchesHigh';

export type ServiceTier = 'flex' | 'priority' | 'batches';

export interface PriceName {
  readonly bucket: Bucket;
  /** Of several names of one price the lowest counts. */
  readonly rank: number;
  /** How many units the price is for. */
  readonly per: bigint;
  /** Prompts longer than this, in tokens; 0 for all. */
  readonly above: number;
  readonly tier: ServiceTier | undefined;
}

/** Names of a bucket's price; where there are several, in the order they are looked for. */
const names: Readonly<Partial<Record<Bucket, readonly string[]>>> = {
  input: ['input_cost_per_token'],
  output: ['output_cost_per_token'],
  cachedInput: ['cache_read_input_token_cost', 'input_cost_per_token_cache_hit'],
  cachedAudioInput: ['cache_read_input_audio_token_cost', 'cache_read_input_token_cost_per_audio_token'],
  cachedImageInput: ['cache_read_input_image_token_cost'],
  cacheWrite: ['cache_creation_input_token_cost'],
  cacheWriteLong: ['cache_creation_input_token_cost_above_1hr'],
  reasoning: ['output_cost_per_reasoning_token'],
  audioInput: ['input_cost_per_audio_token'],
  audioOutput: ['output_cost_per_audio_token'],
  imageInput: ['input_cost_per_image_token'],
  imageOutput: ['output_cost_per_image_token'],
  videoInput: ['input_cost_per_video_token'],
  inputImages: ['input_cost_per_image'],
  outputImages: ['output_cost_per_image', 'input_cost_per_image'],
  outputPixels: ['output_cost_per_pixel', 'input_cost_per_pixel'],
  // A recording's length is charged once, although maps may say it at both ends.
  seconds: ['output_cost_per_second', 'input_cost_per_second'],
  audioSeconds: ['input_cost_per_audio_per_second'],
  videoSeconds: ['input_cost_per_video_per_second'],
  inputCharacters: ['input_cost_per_character'],
  outputCharacters: ['output_cost_per_character'],
  queries: ['input_cost_per_query'],
  pages: ['ocr_cost_per_page'],
  fileSearches: ['file_search_cost_per_1k_calls'],
  codeSessions: ['code_interpreter_cost_per_session'],
  request: ['input_cost_per_request'],
};

const perThousand = '_per_1k_calls';

/** A name may stand for several buckets: an image is priced the same wherever no other price is said. */
const byName = new Map<string, Pick<PriceName, 'bucket' | 'rank' | 'per'>[]>();
for (const [bucket, spellings] of Object.entries(names))
  for (const [rank, name] of spellings.entries()) {
    const known = byName.get(name) ?? [];
    known.push({ bucket: bucket as Bucket, rank, per: name.endsWith(perThousand) ? 1000n : 1n });
    byName.set(name, known);
  }

/** Every name without its endings: what the configuration lists. */
export const plainPriceNames: readonly string[] = [...byName.keys()];

const ending = /_(?:above_(\d{1,7})k_tokens|(flex|priority|batches|batch))$/;

/** What a key says; empty for one that is no price of a unit. */
export function readPriceName(key: string): readonly PriceName[] {
  let name = key;
  let above = 0;
  let tier: ServiceTier | undefined;
  for (let found = ending.exec(name); found !== null; found = ending.exec(name)) {
    if (found[1] !== undefined) above = Number(found[1]) * 1000;
    else tier = found[2] === 'batch' ? 'batches' : (found[2] as ServiceTier);
    name = name.slice(0, found.index);
  }
  return (byName.get(name) ?? []).map((known) => ({ ...known, above, tier }));
}

/** Buckets that are charged as another where they have no price of their own; the first that has one counts. */
export const standIns: Readonly<Partial<Record<Bucket, readonly Bucket[]>>> = {
  cachedInput: ['input'],
  cachedAudioInput: ['cachedInput', 'audioInput', 'input'],
  cachedImageInput: ['cachedInput', 'imageInput', 'input'],
  cacheWrite: ['input'],
  cacheWriteLong: ['cacheWrite', 'input'],
  reasoning: ['output'],
  audioInput: ['input'],
  audioOutput: ['output'],
  imageInput: ['input'],
  imageOutput: ['output'],
  videoInput: ['input'],
};

/** Everything that may have a price, stand-ins after what they stand in for. */
export const buckets: readonly Bucket[] = [
  ...(Object.keys(names) as Bucket[]),
  'searchesLow',
  'searchesMedium',
  'searchesHigh',
];

/**
 * Measures of the same thing that vendors tell beside its tokens, or in their stead: without a price they are not
 * charged, as long as something else of the call is.
 */
export const measures: ReadonlySet<string> = new Set<Bucket>([
  'inputImages',
  'outputImages',
  'outputPixels',
  'seconds',
  'audioSeconds',
  'videoSeconds',
  'inputCharacters',
  'outputCharacters',
  'pages',
]);

/** Buckets of tokens, those of the prompt apart: its length decides between prices. */
export const promptTokens: readonly (keyof Usage)[] = [
  'input',
  'cachedInput',
  'cachedAudioInput',
  'cachedImageInput',
  'cacheWrite',
  'cacheWriteLong',
  'audioInput',
  'imageInput',
  'videoInput',
];
export const replyTokens: readonly (keyof Usage)[] = ['output', 'reasoning', 'audioOutput', 'imageOutput'];
