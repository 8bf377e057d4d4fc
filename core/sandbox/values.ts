/**
 * Plain values as one text, and back: how data crosses the border of a
 * sandbox, on both sides of it. JSON, and tags for what JSON cannot say.
 *
 * Invariant: reading never runs anything of the writer's, and gives back at
 * most as many values, as deep, as the reader allows.
 */

export interface Bounds {
  readonly depth: number;
  /** Values of every sort, keys not counted. */
  readonly values: number;
}

/** Marks what is not JSON of itself. */
const tag = '$';

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

interface Budget {
  left: number;
}

/** Secrets of a configuration and what else has no plain form, as data; undefined to leave it to the writer. */
export type Special = (value: object) => Json | undefined;

/** Throws RangeError where the value is too large or too deep, or goes in a circle. */
export function writeValue(value: unknown, bounds: Bounds, special?: Special): string {
  return JSON.stringify(toJson(value, bounds.depth, { left: bounds.values }, special));
}

export function readValue(text: string, bounds: Bounds, special?: (value: Json) => unknown): unknown {
  return fromJson(JSON.parse(text) as Json, bounds.depth, { left: bounds.values }, special);
}

function spend(depth: number, budget: Budget): void {
  budget.left -= 1;
  if (budget.left < 0) throw new RangeError('The value holds too many parts.');
  if (depth < 0) throw new RangeError('The value is nested too deeply.');
}

function toJson(value: unknown, depth: number, budget: Budget, special: Special | undefined): Json {
  spend(depth, budget);
  const next = (item: unknown) => toJson(item, depth - 1, budget, special);
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      return Number.isFinite(value) ? value : { [tag]: 'x', v: String(value) };
    case 'bigint':
      return { [tag]: 'n', v: String(value) };
    case 'object':
      return value === null ? null : objectToJson(value, next, special);
    default:
      return { [tag]: 'u' };
  }
}

function objectToJson(value: object, next: (item: unknown) => Json, special: Special | undefined): Json {
  const said = special?.(value);
  if (said !== undefined) return said;
  if (Array.isArray(value)) return Array.from(value, next);
  if (value instanceof Map) return { [tag]: 'm', v: Array.from(value, ([key, item]) => [next(key), next(item)]) };
  if (value instanceof Set) return { [tag]: 's', v: Array.from(value, next) };
  if (value instanceof Float32Array) return { [tag]: 'f', v: Array.from(value, next) };
  if (value instanceof Uint8Array) return { [tag]: 'b', v: Array.from(value, next) };
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON === 'function') return next(toJSON.call(value));
  const made: Record<string, Json> = {};
  for (const key of Object.keys(value)) {
    const item = (value as Record<string, unknown>)[key];
    if (item === undefined || typeof item === 'function' || key === '__proto__') continue;
    made[key] = next(item);
  }
  return tag in made ? { [tag]: 'o', v: made } : made;
}

function fromJson(json: Json, depth: number, budget: Budget, special: ((value: Json) => unknown) | undefined): unknown {
  spend(depth, budget);
  if (typeof json !== 'object' || json === null) return json;
  const next = (item: Json) => fromJson(item, depth - 1, budget, special);
  if (Array.isArray(json)) return json.map(next);
  const record = json as Readonly<Record<string, Json>>;
  if (typeof record[tag] === 'string') return fromTagged(record[tag], record.v as Json, next, special);
  return plainObject(record, next);
}

function plainObject(record: Readonly<Record<string, Json>>, next: (item: Json) => unknown): Record<string, unknown> {
  const made: Record<string, unknown> = {};
  for (const key of Object.keys(record)) {
    if (key === '__proto__') throw new TypeError('A value may not have a key "__proto__".');
    made[key] = next(record[key] as Json);
  }
  return made;
}

function fromTagged(
  sort: string,
  inner: Json,
  next: (item: Json) => unknown,
  special: ((value: Json) => unknown) | undefined,
): unknown {
  const list = Array.isArray(inner) ? (inner as readonly Json[]) : [];
  const numbers = () => list.map((item) => Number(next(item)));
  switch (sort) {
    case 'u':
      return undefined;
    case 'x':
      return Number(inner);
    case 'n':
      if (typeof inner !== 'string' || !/^-?\d{1,60}$/.test(inner))
        throw new TypeError('A large integer is no integer.');
      return BigInt(inner);
    case 'm':
      return new Map(list.map((pair) => next(pair) as [unknown, unknown]));
    case 's':
      return new Set(list.map(next));
    case 'f':
      return new Float32Array(numbers());
    case 'b':
      return new Uint8Array(numbers());
    case 'o':
      return plainObject(inner as Readonly<Record<string, Json>>, next);
    case 'k':
      if (special) return special(inner);
  }
  throw new TypeError(`A value is marked as "${sort}", which is not known.`);
}
