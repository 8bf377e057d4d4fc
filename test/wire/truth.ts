/**
 * What a model says and what it is asked, in no vendor's dialect: each vendor
 * is made to say the same, and each client must read the same.
 */

export interface Called {
  readonly id: string;
  readonly name: string;
  readonly input: unknown;
}

export interface Tokens {
  /** The whole prompt, cached tokens included. */
  readonly prompt: number;
  /** The whole reply, reasoning included. */
  readonly completion: number;
  readonly cached: number;
  readonly reasoning: number;
}

/** One reply of a model. */
export interface Truth {
  readonly text?: string;
  readonly calls?: readonly Called[];
  readonly reasoning?: string;
  /** What the vendor signs the reasoning with, where it signs; its usual signature when absent. */
  readonly signature?: string;
  /** Reasoning that the vendor shows to nobody. */
  readonly sealed?: string;
  readonly finish: 'stop' | 'length' | 'tool_calls' | 'content_filter';
  readonly tokens: Tokens;
}

/** A reply as a client of the gateway reads it. */
export interface Told {
  readonly text: string;
  readonly calls: readonly Called[];
  readonly reasoning: string;
  readonly finish: string | null;
  readonly tokens: Tokens | undefined;
}

/** One turn of a conversation as a vendor is told it; the answers of tools are the user's. */
export interface Turn {
  readonly role: 'user' | 'assistant';
  readonly text: string;
  /** Reasoning of earlier turns, as `text|signature`; what was sealed as `sealed|data`. */
  readonly thoughts: readonly string[];
  /** Images, documents and sounds: `mediaType,base64`, or an address. */
  readonly images: readonly string[];
  readonly calls: readonly Called[];
  readonly results: readonly { readonly id: string; readonly text: string; readonly isError?: true }[];
}

export const emptyTurn = { text: '', thoughts: [], images: [], calls: [], results: [] };

export const thought = (text: unknown, signature: unknown = ''): string => `${text ?? ''}|${signature ?? ''}`;

/** A request as a vendor reads it. */
export interface Asked {
  readonly system: string;
  readonly turns: readonly Turn[];
  readonly tools: readonly { readonly name: string; readonly description?: string; readonly schema: unknown }[];
  /** `auto` where nothing is said. */
  readonly choice: string;
  readonly isParallel: boolean;
  /** How many beginnings of the prompt are marked to be cached. */
  readonly marks?: number;
  /** The schema a reply in JSON must have. */
  readonly schema?: unknown;
  readonly temperature?: unknown;
  readonly topP?: unknown;
  readonly stop: readonly unknown[];
  readonly limit?: unknown;
}

export const toldBy = ({ text = '', calls = [], reasoning = '', finish, tokens }: Truth): Told => ({
  text,
  calls,
  reasoning,
  finish,
  tokens,
});

/** Pieces of three characters, so that words, escapes and surrogate pairs are cut apart. */
export const piecesOf = (text: string): string[] =>
  Array.from(text)
    .join('')
    .match(/[\s\S]{1,3}/g) ?? [];

export type Fields = Readonly<Record<string, unknown>>;

export const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const fieldsOf = (value: unknown): Fields => value as Fields;

/** A list of objects, or none where there is no list. */
export const listOf = (value: unknown): readonly Fields[] => (Array.isArray(value) ? (value as Fields[]) : []);

/** Neighbours of one role as one turn, as vendors that alternate want them. */
export function joined(turns: readonly Turn[]): Turn[] {
  const result: Turn[] = [];
  for (const turn of turns) {
    const last = result.at(-1);
    if (last?.role !== turn.role) result.push(turn);
    else
      result[result.length - 1] = {
        role: turn.role,
        text: last.text + turn.text,
        thoughts: [...last.thoughts, ...turn.thoughts],
        images: [...last.images, ...turn.images],
        calls: [...last.calls, ...turn.calls],
        results: [...last.results, ...turn.results],
      };
  }
  return result;
}
