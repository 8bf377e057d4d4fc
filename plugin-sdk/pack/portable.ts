/**
 * Finds what JSON Schema cannot carry in the schema of a plugin's options.
 *
 * Invariant: where nothing is found, the schema in the packed manifest accepts
 * what the plugin's own schema accepts, and nothing is changed on the way.
 * Nothing of the plugin runs here but the getters of recursive schemas.
 */
import { z } from '../contract/plugin.ts';

/** One place of a schema that only code can judge. */
export interface Unportable {
  /** Such as `config.limits.max`; `[]` stands for the items of a list, `*` for the values of a record. */
  readonly path: string;
  readonly found: string;
  /** What does the same and can be carried. */
  readonly instead: string;
}

type Schema = z.core.$ZodType;

/** The parts of a zod definition that are looked at; which of them there are depends on its `type`. */
interface Definition {
  readonly type: string;
  readonly coerce?: boolean;
  readonly checks?: readonly { readonly _zod: { readonly def: CheckDefinition } }[];
  readonly check?: string;
  readonly hostname?: RegExp;
  readonly protocol?: RegExp;
  readonly format?: string;
  readonly pattern?: RegExp;
  readonly fn?: unknown;
  readonly values?: readonly unknown[];
  readonly shape?: Readonly<Record<string, Schema>>;
  readonly catchall?: Schema;
  readonly element?: Schema;
  readonly items?: readonly Schema[];
  readonly rest?: Schema | null;
  readonly options?: readonly Schema[];
  readonly left?: Schema;
  readonly right?: Schema;
  readonly keyType?: Schema;
  readonly valueType?: Schema;
  readonly innerType?: Schema;
  readonly in?: Schema;
  readonly out?: Schema;
  readonly reverseTransform?: unknown;
}

type CheckDefinition = Pick<Definition, 'check' | 'format' | 'pattern' | 'fn' | 'hostname' | 'protocol'>;

const carried = new Set([
  'string',
  'number',
  'int',
  'boolean',
  'null',
  'any',
  'unknown',
  'never',
  'enum',
  'literal',
  'template_literal',
  'object',
  'array',
  'tuple',
  'record',
  'union',
  'intersection',
  'optional',
  'nullable',
  'nonoptional',
  'default',
  'prefault',
  'readonly',
  'lazy',
]);

const carriedChecks = new Set([
  'less_than',
  'greater_than',
  'multiple_of',
  'number_format',
  'min_length',
  'max_length',
  'length_equals',
  'string_format',
  'describe',
  'meta',
]);

const inSetup = 'do it in `setup` with the value as it was written';
const otherTypes: Readonly<Record<string, string>> = {
  date: 'take a text, as z.iso.datetime(), and make the date in `setup`',
  bigint: 'take z.int(), or a text of digits with .regex(), and make the bigint in `setup`',
  map: 'take z.record()',
  set: 'take z.array(), and make the set in `setup`',
  undefined: 'leave the option out of the schema, or make it .optional()',
  void: 'leave the option out of the schema, or make it .optional()',
  nan: 'take z.number()',
  catch: 'use .default(), so that a wrong value is refused and told of',
  file: 'take location() of the SDK, a path or an address',
};

/** Every place in the schema of a plugin's options that JSON Schema cannot carry, in the order they are written. */
export function unportableIn(schema: z.ZodType): readonly Unportable[] {
  const found: Unportable[] = [];
  visit(schema, 'config', { found, seen: new Set() });
  return found.slice(0, mostFound);
}

const mostFound = 20;

/** As lines of an error, each with its path. */
export const tellUnportable = ({ path, found, instead }: Unportable): string =>
  `${path}: found ${found}, which JSON Schema cannot carry; ${instead}.`;

interface Walk {
  readonly found: Unportable[];
  /** Those above, for a schema may hold itself, and those that nothing is wrong with. */
  readonly seen: Set<Schema>;
}

function visit(schema: Schema, path: string, walk: Walk): void {
  if (walk.seen.has(schema) || walk.found.length >= mostFound) return;
  walk.seen.add(schema);
  const before = walk.found.length;
  const definition = schema._zod.def as unknown as Definition;
  if (definition.type === 'pipe') visitPipe(definition, path, walk);
  else if (!isSecret(schema)) judge(schema, definition, { path, walk });
  if (walk.found.length > before) walk.seen.delete(schema);
}

function judge(
  schema: Schema,
  definition: Definition,
  { path, walk }: { readonly path: string; readonly walk: Walk },
): void {
  const type = refusedType(definition);
  // A custom type is told of as such, not as its check.
  const checks =
    definition.type === 'custom' ? [] : [definition, ...(definition.checks ?? []).map(({ _zod }) => _zod.def)];
  for (const refusal of [type, ...checks.map(refusedCheck)])
    if (refusal !== undefined) walk.found.push({ path, found: refusal[0], instead: refusal[1] });
  for (const [inner, innerPath] of innerOf(definition, path, lazyOf(schema))) visit(inner, innerPath, walk);
}

type Refusal = readonly [found: string, instead: string];

/** Undefined where JSON Schema knows the check. */
function refusedCheck(check: CheckDefinition): Refusal | undefined {
  switch (check.check) {
    case undefined:
      return undefined;
    case 'custom':
      return [
        'a refinement',
        'use .min(), .max(), .regex(), z.enum() or a union; what only code can judge is refused in `setup`, by an error that names the option',
      ];
    case 'overwrite':
      return ['a check that changes the value, such as .trim() or .toLowerCase()', inSetup];
    case 'string_format':
      return refusedFormat(check);
    default:
      return carriedChecks.has(check.check)
        ? undefined
        : [`the check ${check.check}`, 'use .min(), .max(), .length(), .multipleOf() or .regex()'];
  }
}

function refusedFormat({ format, pattern, fn, hostname, protocol }: CheckDefinition): Refusal | undefined {
  if (typeof fn === 'function') return [`the custom format ${format}`, 'use .regex()'];
  if (hostname !== undefined || protocol !== undefined)
    return ['a bound on the host or the protocol of an address', 'use z.url() with .regex()'];
  // Those that change what is matched; patterns of JSON Schema have none.
  const flags = format === 'regex' ? (pattern?.flags.replaceAll(/[^ims]/g, '') ?? '') : '';
  return flags === ''
    ? undefined
    : [`a pattern with the flags "${flags}"`, 'spell them out in the pattern, such as [Aa] for i'];
}

function refusedType(definition: Definition): Refusal | undefined {
  const { type, coerce, values = [], fn } = definition;
  if (type === 'transform') return ['a transform', inSetup];
  if (type === 'custom')
    return [
      typeof fn === 'function' ? 'a check of its own, z.custom() or z.instanceof()' : 'the type custom',
      'use the types and checks that zod has, or secret() and location() of the SDK',
    ];
  if (!carried.has(type))
    return [`the type ${type}`, otherTypes[type] ?? 'use texts, numbers, switches, lists and objects'];
  if (coerce === true)
    return [
      `a coercion to ${type}`,
      `take z.${type}(), or a union of what may be written, and convert it in \`setup\``,
    ];
  const odd = type === 'literal' ? values.filter((value) => value === undefined || typeof value === 'bigint') : [];
  return odd.length === 0 ? undefined : [`the literal ${String(odd[0])}`, 'use a text, a number, a switch or null'];
}

/** `.transform()`, `z.preprocess()`, `z.codec()` and `.pipe()` are all pipes. */
function visitPipe(pipe: Definition, path: string, walk: Walk): void {
  const { in: first, out: last, reverseTransform } = pipe;
  const typeOf = (schema: Schema | undefined) => schema?._zod.def.type;
  const add = (found: string, instead: string) => walk.found.push({ path, found, instead });
  if (reverseTransform !== undefined) add('a codec', inSetup);
  else if (typeOf(first) === 'transform')
    add('a preprocess', 'take a union of what may be written, and convert it in `setup`');
  else if (typeOf(last) === 'transform') add('a transform', inSetup);
  else add('a pipe', 'use z.intersection(), or put the checks on one schema');
  for (const part of [first, last]) if (part !== undefined && typeOf(part) !== 'transform') visit(part, path, walk);
}

function* innerOf(
  definition: Definition,
  path: string,
  lazy: Schema | undefined,
): Generator<readonly [Schema, string]> {
  for (const [key, value] of Object.entries(definition.shape ?? {})) yield [value, `${path}.${key}`];
  if (definition.catchall !== undefined) yield [definition.catchall, `${path}.*`];
  if (definition.element !== undefined) yield [definition.element, `${path}[]`];
  for (const [index, item] of (definition.items ?? []).entries()) yield [item, `${path}[${index}]`];
  if (definition.rest != null) yield [definition.rest, `${path}[]`];
  for (const option of definition.options ?? []) yield [option, path];
  for (const part of [definition.left, definition.right, definition.innerType])
    if (part !== undefined) yield [part, path];
  if (definition.keyType !== undefined) yield [definition.keyType, `${path}.*`];
  if (definition.valueType !== undefined) yield [definition.valueType, `${path}.*`];
  if (definition.type === 'lazy' && lazy !== undefined) yield [lazy, path];
}

/** `secret()` of the SDK takes objects too, which the kernel makes of the text that its description asks for. */
function isSecret(schema: Schema): boolean {
  const { secret, type } = (z.globalRegistry.get(schema) ?? {}) as { secret?: unknown; type?: unknown };
  return schema._zod.def.type === 'custom' && secret === true && type === 'string';
}

/** Made once and kept: the getter of `z.lazy()` may give another schema each time. */
const lazyOf = (schema: Schema) => (schema._zod as { readonly innerType?: Schema }).innerType;
