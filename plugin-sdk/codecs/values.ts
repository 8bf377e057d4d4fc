/**
 * Narrowing of JSON values, and taking known fields out of an object so that
 * what nobody named remains.
 */
import type { Extra } from '../contract/chat.ts';

export type JsonObject = Record<string, unknown>;

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
export const isString = (value: unknown): value is string => typeof value === 'string';
export const isNumber = (value: unknown): value is number => typeof value === 'number';
export const isBoolean = (value: unknown): value is boolean => typeof value === 'boolean';
export const isArray = (value: unknown): value is unknown[] => Array.isArray(value);
export const isFilled = (value: unknown): value is string => typeof value === 'string' && value !== '';

type Defined<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/** A copy without undefined members. Deleting them would leave an object that is slow to read ever after. */
export function defined<T extends object>(fresh: T): Defined<T> {
  const kept: Partial<T> = {};
  for (const key in fresh) {
    if (fresh[key] === undefined) continue;
    // Assigned, `__proto__` would be more than a member.
    if (key === '__proto__')
      Object.defineProperty(kept, key, { value: fresh[key], enumerable: true, configurable: true, writable: true });
    else kept[key] = fresh[key];
  }
  return kept as unknown as Defined<T>;
}

/** The object when it has members. */
export const filled = (value: JsonObject): JsonObject | undefined => {
  for (const _ in value) return value;
  return undefined;
};

/** Takes typed fields out of a copy of an object; a field of another type stays in `rest`. */
export class Fieldset {
  readonly rest: JsonObject;

  constructor(fields: Readonly<JsonObject>) {
    this.rest = { ...fields };
  }

  take<T>(name: string, is: (value: unknown) => value is T): T | undefined {
    const value = this.rest[name];
    if (!is(value)) return undefined;
    delete this.rest[name];
    return value;
  }

  /** What was not taken; undefined when that is nothing. */
  get extra(): Extra | undefined {
    return filled(this.rest);
  }
}

/** Parsed JSON, or undefined for text that is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** Splits a base64 data URI; undefined for any other address. */
export function readDataUri(uri: string): { readonly mediaType: string; readonly data: string } | undefined {
  if (!uri.startsWith('data:')) return undefined;
  const comma = uri.indexOf(',');
  const head = uri.slice(5, comma);
  if (comma === -1 || !head.endsWith(';base64')) return undefined;
  return { mediaType: head.slice(0, -7), data: uri.slice(comma + 1) };
}

export const writeDataUri = (mediaType: string, data: string) => `data:${mediaType};base64,${data}`;
