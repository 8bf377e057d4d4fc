/**
 * The neutral chat model: what every dialect is read into and written from.
 *
 * It is lossless. A field this model does not name rides along in `extra`
 * under its wire name, tagged by the dialect it came from through the call;
 * signed reasoning stays an opaque block tagged with its origin, because only
 * the vendor that signed it accepts it back.
 */

/** Plain JSON. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** Fields by wire name that the neutral model does not name. */
export type Extra = Readonly<Record<string, unknown>>;

export interface TextPart {
  readonly type: 'text';
  readonly text: string;
  /** Vendor cache mark, kept as found (Anthropic `cache_control`). */
  readonly cacheControl?: unknown;
  readonly extra?: Extra;
}

/** An image by address (`url`) or inline (`data`, base64, with `mediaType`). */
export interface ImagePart {
  readonly type: 'image';
  readonly url?: string;
  readonly data?: string;
  readonly mediaType?: string;
  readonly detail?: string;
  readonly cacheControl?: unknown;
  readonly extra?: Extra;
}

/** Inline audio, base64, with its container format such as `wav`. */
export interface AudioPart {
  readonly type: 'audio';
  readonly data: string;
  readonly format: string;
  readonly extra?: Extra;
}

/** A document: inline (`data`, base64), by address, or by a vendor's file id. */
export interface FilePart {
  readonly type: 'file';
  readonly data?: string;
  readonly mediaType?: string;
  readonly name?: string;
  readonly url?: string;
  readonly fileId?: string;
  readonly cacheControl?: unknown;
  readonly extra?: Extra;
}

/** A part this model has no name for; only a provider of the same `origin` dialect may write it. */
export interface OtherPart {
  readonly type: 'other';
  readonly origin: string;
  readonly value: unknown;
}

export type Part = TextPart | ImagePart | AudioPart | FilePart | OtherPart;

/** A block of model reasoning. `signature` or `redacted` data is only valid for `origin`, the dialect that made it. */
export interface ReasoningBlock {
  readonly text?: string;
  readonly signature?: string;
  readonly redacted?: string;
  readonly origin?: string;
}

/** A tool call of the model; `arguments` is the JSON text as the model wrote it, possibly empty. */
export interface ToolCall {
  readonly id: string;
  readonly name: string;
  readonly arguments: string;
  readonly extra?: Extra;
}

export interface Message {
  readonly role: 'system' | 'developer' | 'user' | 'assistant' | 'tool';
  /** Text, or parts in order. An assistant message with only tool calls has ''. */
  readonly content: string | readonly Part[];
  readonly name?: string;
  /** Assistant only. */
  readonly toolCalls?: readonly ToolCall[];
  /** Assistant only. */
  readonly reasoning?: readonly ReasoningBlock[];
  /** Tool only: the call this answers. */
  readonly toolCallId?: string;
  /** Tool only: the tool failed and `content` says how. */
  readonly isError?: boolean;
  /** Assistant only: the model declined, in these words. */
  readonly refusal?: string;
  readonly extra?: Extra;
}

export interface Tool {
  readonly name: string;
  readonly description?: string;
  /** JSON Schema of the arguments, kept as found. */
  readonly parameters?: unknown;
  readonly strict?: boolean;
  readonly cacheControl?: unknown;
  readonly extra?: Extra;
}

/** A tool this model has no name for (a vendor's built-in); kept as found for its own dialect. */
export interface OtherTool {
  readonly origin: string;
  readonly value: unknown;
}

export type ToolChoice = 'auto' | 'required' | 'none' | { readonly name: string };

export type ResponseFormat =
  | { readonly type: 'text' }
  | { readonly type: 'json' }
  | {
      readonly type: 'json-schema';
      readonly name: string;
      readonly schema: unknown;
      readonly strict?: boolean;
      readonly description?: string;
    };

/** One chat request, whatever dialect it came in. */
export interface ChatRequest {
  readonly model: string;
  readonly messages: readonly Message[];
  readonly stream: boolean;
  readonly tools?: readonly (Tool | OtherTool)[];
  readonly toolChoice?: ToolChoice;
  readonly parallelToolCalls?: boolean;
  /** Upper bound on tokens of the reply, reasoning included. */
  readonly maxOutputTokens?: number;
  readonly temperature?: number;
  readonly topP?: number;
  readonly topK?: number;
  readonly stop?: readonly string[];
  readonly seed?: number;
  readonly presencePenalty?: number;
  readonly frequencyPenalty?: number;
  readonly logprobs?: boolean;
  readonly topLogprobs?: number;
  /** How many alternative replies; 1 when absent. */
  readonly count?: number;
  readonly responseFormat?: ResponseFormat;
  /** `effort` as the caller named it, or an explicit token budget; `raw` keeps a native block as found. */
  readonly reasoning?: { readonly effort?: string; readonly budgetTokens?: number; readonly raw?: unknown };
  readonly user?: string;
  /** Fields by wire name that nothing above names, gateway-only fields already taken out. */
  readonly extra: Extra;
  /**
   * Fields as the caller spelled them, by wire name, where the dialect has several spellings of one meaning
   * (`max_tokens`, a single `stop`). For the codec of the same dialect only, and only while the meaning is unchanged.
   */
  readonly spelling?: Extra;
}

/** Why a reply ended. */
export type EndReason = 'stop' | 'length' | 'tool-calls' | 'refusal';

/**
 * What a call used, in disjoint buckets: nothing is counted twice, so a price may be put on each.
 *
 * The whole prompt in tokens is `input + cachedInput + cachedAudioInput + cachedImageInput + cacheWrite
 * + cacheWriteLong + audioInput + imageInput + videoInput`; the whole reply is `output + reasoning + audioOutput
 * + imageOutput`. Below them stand things that vendors count otherwise, each only where it is known.
 */
export interface Usage {
  /** Prompt tokens of text, neither read from nor written to a cache. */
  readonly input: number;
  /** Reply tokens of text that are not reasoning. */
  readonly output: number;
  readonly cachedInput?: number;
  /** Audio and image tokens among those read from a cache, where the vendor tells them apart. */
  readonly cachedAudioInput?: number;
  readonly cachedImageInput?: number;
  readonly cacheWrite?: number;
  /** Written to a cache that lives an hour or longer. */
  readonly cacheWriteLong?: number;
  readonly reasoning?: number;
  readonly audioInput?: number;
  readonly audioOutput?: number;
  readonly imageInput?: number;
  readonly imageOutput?: number;
  readonly videoInput?: number;

  /** Images given, and images made. */
  readonly inputImages?: number;
  readonly outputImages?: number;
  /** Pixels of all images made: width times height times count. */
  readonly outputPixels?: number;
  /** Length of what was transcribed or made, in seconds; fractions are kept. */
  readonly seconds?: number;
  /** Length of audio and video given beside a prompt, in seconds. */
  readonly audioSeconds?: number;
  readonly videoSeconds?: number;
  /** Characters of text spoken or translated, and of text made. */
  readonly inputCharacters?: number;
  readonly outputCharacters?: number;
  /** Search units of a rerank call. */
  readonly queries?: number;
  /** Pages read by OCR. */
  readonly pages?: number;
  /** Searches of the web that the vendor made. */
  readonly searches?: number;
  readonly fileSearches?: number;
  /** Sessions of a code interpreter. */
  readonly codeSessions?: number;

  /** How much context each web search brought along; medium when absent. */
  readonly searchContext?: 'low' | 'medium' | 'high';
  /** The vendor's tier that served the call, in its own word: `flex`, `priority`, `batch`, `default`. */
  readonly serviceTier?: string;
  /** What raised the price of all tokens, in the vendor's words: a region such as `us`, a speed such as `fast`. */
  readonly uplifts?: readonly string[];
  /** What the vendor says that the call cost; shown to the caller, and charged to nobody. No count, so no plain number. */
  readonly reported?: { readonly costUsd: number };
  /** Counted here rather than reported by the vendor. */
  readonly estimated?: boolean;
}

/** One finished reply of a model. */
export interface Choice {
  readonly text: string;
  readonly toolCalls?: readonly ToolCall[];
  readonly reasoning?: readonly ReasoningBlock[];
  readonly refusal?: string;
  readonly end: EndReason;
  /** In the OpenAI shape, kept as found. */
  readonly logprobs?: unknown;
  readonly extra?: Extra;
}

/** A whole chat reply: the first choice flattened, the others in `others`. */
export interface ChatReply extends Choice {
  readonly id?: string;
  /** The model the vendor says answered. */
  readonly model?: string;
  readonly usage?: Usage;
  readonly others?: readonly Choice[];
  /** Top-level fields by wire name that nothing above names. */
  readonly envelope?: Extra;
}

/**
 * One event of a streamed reply, in order. `choice` is 0 when absent.
 * A stream is `start`? then deltas, then `end` per choice and one `usage`, in any order of these two.
 * A tool call opens with `tool-call` (its arguments may already be complete) and grows by `tool-call-delta`;
 * an empty delta is legal.
 */
export type ChatEvent =
  | { readonly type: 'start'; readonly id?: string; readonly model?: string; readonly envelope?: Extra }
  | { readonly type: 'text-delta'; readonly text: string; readonly choice?: number; readonly logprobs?: unknown }
  | { readonly type: 'reasoning-delta'; readonly text: string; readonly choice?: number }
  | { readonly type: 'reasoning-block'; readonly block: ReasoningBlock; readonly choice?: number }
  | { readonly type: 'refusal-delta'; readonly text: string; readonly choice?: number }
  | {
      readonly type: 'tool-call';
      readonly index: number;
      readonly id: string;
      readonly name: string;
      readonly arguments?: string;
      readonly choice?: number;
    }
  | { readonly type: 'tool-call-delta'; readonly index: number; readonly arguments: string; readonly choice?: number }
  | ({ readonly type: 'usage' } & Usage)
  | { readonly type: 'end'; readonly reason: EndReason; readonly choice?: number; readonly extra?: Extra }
  | { readonly type: 'other'; readonly origin: string; readonly value: unknown; readonly choice?: number };

/** Inputs of an embeddings call: texts, or token arrays where the caller tokenised. */
export interface EmbeddingsRequest {
  readonly model: string;
  readonly input: readonly (string | readonly number[])[];
  readonly dimensions?: number;
  readonly user?: string;
  readonly extra: Extra;
}

/** One vector per input, in order. */
export interface EmbeddingsReply {
  readonly vectors: readonly (Float32Array | readonly number[])[];
  readonly model?: string;
  readonly usage?: Usage;
  readonly envelope?: Extra;
}
