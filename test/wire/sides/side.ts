/** What a simulated vendor is made of, so that one table of conversations runs against every vendor. */
import type { VendorRequest } from '../../support/index.ts';
import type { Asked, Fields, Told, Truth } from '../truth.ts';

/** What goes wrong before a reply begins. */
export const faultNames = [
  'key',
  'permission',
  'model',
  'timeout',
  'rate',
  'internal',
  'overloaded',
  'context',
  'policy',
] as const;
export type FaultName = (typeof faultNames)[number];

/** A failing answer in the vendor's own words. */
export interface Fault {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Where a vendor's own API says less than OpenAI's, and what of a row then remains to be compared. */
export interface Limit {
  /** Rows of the table by their titles. */
  readonly rows: readonly string[];
  readonly why: string;
  /** The request is refused: the error names this parameter, or for a pattern a place that fits it. */
  readonly refuses?: string | RegExp;
  /** The vendor has no words for what the row is about: it does not run. */
  readonly isMissing?: true;
  readonly told?: (told: Told) => Told;
  readonly asked?: (asked: Partial<Asked>) => Partial<Asked>;
}

export interface Side {
  /** Column of the table. */
  readonly title: string;
  /** Name of the model group. */
  readonly group: string;
  /** `litellm_params.model`. */
  readonly model: string;
  /** Further `litellm_params`; `url` is the vendor's address. */
  readonly params: (url: string) => Fields;
  readonly contentType: string;
  isStream(request: VendorRequest): boolean;
  whole(truth: Truth, request: VendorRequest): unknown;
  pieces(truth: Truth, request: VendorRequest): Iterable<string | Buffer>;
  asked(request: VendorRequest): Asked;
  /** What the vendor would refuse in a request. */
  complaints(request: VendorRequest): readonly string[];
  readonly faults: Readonly<Partial<Record<FaultName, Fault>>>;
  /** A whole reply to a prompt that is not answered, of a vendor that has no error for it. */
  readonly blocked?: unknown;
  /** A failure in the middle of a stream. */
  readonly broken: string | Buffer;
  /** What of earlier reasoning goes back: all of it, only its signature, its text, or nothing. */
  readonly thoughts: 'signed' | 'signature' | 'text' | 'none';
  /** Ids of tool calls are the vendor's own, or made for it. */
  readonly ids: 'own' | 'made';
  /** Whether the vendor takes images as bytes alone. */
  readonly inlines: boolean;
  readonly limits: readonly Limit[];
}

export const sse = 'text/event-stream';
export const bodyOf = ({ json = {} }: VendorRequest): Fields => json;
export const asksForStream = (request: VendorRequest): boolean => bodyOf(request).stream === true;
export const eventOf = (payload: unknown, name?: string): string =>
  `${name === undefined ? '' : `event: ${name}\n`}data: ${JSON.stringify(payload)}\n\n`;

/** Fields of a body that the vendor does not know. */
export const strangers = (fields: Fields, known: string, where: string): string[] => {
  const names = new Set(known.split(/\s+/));
  return Object.keys(fields).flatMap((name) =>
    names.has(name) ? [] : [`${where}.${name}: extra inputs are not permitted`],
  );
};

/** Seconds that every vendor asks to wait when a rate is spent. */
export const retryAfter = { 'retry-after': '7' };

/** Rows that several sides have something to say about. */
export const rows = {
  marks: 'Marks of a cache',
  sampling: 'Temperature beside top_p',
  refusal: 'A refusal',
  usage: 'Cached and reasoning tokens in usage',
  reasoning: 'Reasoning, text and a call in one reply',
  sealed: 'Thoughts that are sealed',
  thinking: 'Thinking over several turns',
  named: 'A tool by its name, called without arguments',
  single: 'One call at a time',
  forced: 'Parallel tool calls after text',
  none: 'Tools that must not be called',
  failed: 'A tool that failed',
  image: 'An image inline',
  address: 'An image by its address',
  document: 'A document',
  audio: 'Sound',
  schema: 'A reply in JSON by a schema',
  list: 'A reply in JSON whose root is a list',
  schemaWithTools: 'A reply in JSON by a schema, with tools at hand',
  callForSchema: 'A tool call on the way to a reply in JSON',
  json: 'Any JSON object',
} as const;

/** Rows whose model reasons. */
export const reasoningRows = [rows.usage, rows.reasoning, rows.thinking, rows.sealed] as const;

/** Counts that a vendor does not tell are not compared. */
export const withoutCounts =
  (...names: readonly ('cached' | 'reasoning')[]) =>
  (told: Told): Told =>
    told.tokens === undefined
      ? told
      : { ...told, tokens: { ...told.tokens, ...Object.fromEntries(names.map((name) => [name, 0])) } };

export const unsealed: Limit = { rows: [rows.sealed], why: 'The vendor seals no thoughts.', isMissing: true };

export const unmarked: Limit = {
  rows: [rows.marks],
  why: 'The vendor has no marks of a cache: it caches by itself, or not at all.',
  asked: ({ marks: _, ...asked }) => asked,
};

export const withoutResultFlags = (asked: Partial<Asked>): Partial<Asked> => ({
  ...asked,
  ...(asked.turns && {
    turns: asked.turns.map((turn) => ({ ...turn, results: turn.results.map(({ id, text }) => ({ id, text })) })),
  }),
});
