/**
 * JSON Schema as the subset of OpenAPI that function declarations are made of.
 *
 * References are written out; unions with null become `nullable`; what the
 * subset has no word for is left out, because the API refuses unknown fields.
 * https://ai.google.dev/api/caching#Schema
 */
import { filled, isArray, isNumber, isObject, isString, type JsonObject } from '../values.ts';

/** How often a definition may stand inside itself before it ends in an object of any shape. */
const mostRecursions = 2;
/** Schemas written out in one declaration; beyond it whatever follows is an object of any shape. */
const mostNodes = 4000;
const deepest = 60;

const kept = new Set([
  'title',
  'description',
  'default',
  'example',
  'minItems',
  'maxItems',
  'minProperties',
  'maxProperties',
  'minLength',
  'maxLength',
  'pattern',
  'minimum',
  'maximum',
  'propertyOrdering',
]);
const stringFormats = new Set<unknown>(['enum', 'date-time']);
const numberFormats = new Set<unknown>(['float', 'double', 'int32', 'int64']);
const anyObject: JsonObject = { type: 'object' };

/** The schema in Gemini's subset. The argument stays as it is. */
export function geminiSchema(schema: JsonObject): JsonObject {
  return new SchemaWriter(schema).write(schema, { depth: 0, open: [] });
}

interface Place {
  readonly depth: number;
  /** References that this place is inside of. */
  readonly open: readonly string[];
}

class SchemaWriter {
  readonly #root: JsonObject;
  #nodes = 0;

  constructor(root: JsonObject) {
    this.#root = root;
  }

  write(found: unknown, place: Place): JsonObject {
    // `true` and `{}` allow everything; a type has to be named all the same.
    if (!isObject(found)) return { type: 'string' };
    if (++this.#nodes > mostNodes || place.depth > deepest) return anyObject;
    if (isString(found.$ref)) return this.#reference(found, found.$ref, place);
    const inner = { ...place, depth: place.depth + 1 };
    const merged = isArray(found.allOf) ? this.#merge(found, found.allOf, inner) : found;
    const { types, isNullable } = typesOf(merged);
    const union = merged.anyOf ?? merged.oneOf;
    const branches = isArray(union) ? union : types.length > 1 ? split(merged, types) : undefined;
    if (branches !== undefined) return this.#union(merged, branches, { place: inner, isNullable });
    return this.#plain(merged, { type: types[0], isNullable, place: inner });
  }

  #reference(found: JsonObject, pointer: string, { depth, open }: Place): JsonObject {
    const target = this.#resolve(pointer);
    const { $ref: _, ...beside } = found;
    if (target === undefined || open.filter((each) => each === pointer).length > mostRecursions)
      return { ...anyObject, ...(isString(beside.description) && { description: beside.description }) };
    return this.write({ ...target, ...beside }, { depth: depth + 1, open: [...open, pointer] });
  }

  #resolve(pointer: string): JsonObject | undefined {
    if (pointer === '#') return this.#root;
    if (!pointer.startsWith('#/')) return undefined;
    let at: unknown = this.#root;
    for (const step of pointer.slice(2).split('/')) {
      const name = unescaped(step);
      at = (isObject(at) || isArray(at)) && Object.hasOwn(at, name) ? (at as JsonObject)[name] : undefined;
    }
    return isObject(at) ? at : undefined;
  }

  /** All parts in one: their properties together, and of other members the first that is said. */
  #merge({ allOf: _, ...own }: JsonObject, parts: readonly unknown[], place: Place): JsonObject {
    let merged: JsonObject = own;
    for (const part of parts) {
      const resolved = isObject(part) && isString(part.$ref) ? this.#opened(part, part.$ref, place) : part;
      const flat =
        isObject(resolved) && isArray(resolved.allOf) && place.depth < deepest
          ? this.#merge(resolved, resolved.allOf, { ...place, depth: place.depth + 1 })
          : resolved;
      if (!isObject(flat)) continue;
      const properties = { ...objectOf(flat.properties), ...objectOf(merged.properties) };
      const required = [...new Set([...listOf(merged.required), ...listOf(flat.required)])];
      merged = {
        ...flat,
        ...merged,
        ...(filled(properties) && { properties }),
        ...(required.length > 0 && { required }),
      };
    }
    return merged;
  }

  #opened(part: JsonObject, pointer: string, { open }: Place): JsonObject {
    const { $ref: _, ...beside } = part;
    return open.includes(pointer) ? beside : { ...this.#resolve(pointer), ...beside };
  }

  /** Beside `anyOf` the API takes nothing else, so that what stands there goes into the branches. */
  #union(found: JsonObject, branches: readonly unknown[], at: { place: Place; isNullable: boolean }): JsonObject {
    const isNull = (branch: unknown) => isObject(branch) && (branch.type === 'null' || branch.const === null);
    const isNullable = at.isNullable || branches.some(isNull);
    const beside = { ...(isString(found.description) && { description: found.description }) };
    const written = branches
      .filter((branch) => !isNull(branch))
      .map((branch) => {
        const schema = this.write(branch, at.place);
        // Description first, so that a branch's own wins; a union inside has no place for either.
        return 'anyOf' in schema ? schema : { ...beside, ...schema, ...(isNullable && { nullable: true }) };
      });
    const [only] = written;
    if (only === undefined) return { type: 'string', ...beside, nullable: true };
    return written.length === 1 ? only : { anyOf: written };
  }

  #plain(found: JsonObject, at: { type: string | undefined; isNullable: boolean; place: Place }): JsonObject {
    const { values, hasNull } = valuesOf(found);
    const type = at.type ?? guessType(found, values);
    const schema: JsonObject = { type };
    for (const [name, value] of Object.entries(found)) if (kept.has(name) && value !== null) schema[name] = value;
    const formats = type === 'string' ? stringFormats : numberFormats;
    if (formats.has(found.format)) schema.format = found.format;
    if (at.isNullable || hasNull || found.nullable === true) schema.nullable = true;
    addValues(schema, type, values);
    if (type === 'array') this.#items(schema, found, at.place);
    if (type === 'object') this.#properties(schema, found, at.place);
    return schema;
  }

  #items(schema: JsonObject, { items, prefixItems }: JsonObject, place: Place): void {
    const list = isArray(items) ? items : isArray(prefixItems) ? prefixItems : undefined;
    schema.items =
      list === undefined || list.length === 0
        ? this.write(items, place)
        : list.length === 1
          ? this.write(list[0], place)
          : this.#union({}, list, { place, isNullable: false });
  }

  #properties(schema: JsonObject, { properties, required }: JsonObject, place: Place): void {
    const names = Object.keys(objectOf(properties));
    if (names.length === 0) return;
    const written = names.map((name) => [name, this.write(objectOf(properties)[name], place)] as const);
    schema.properties = Object.fromEntries(written);
    // The API refuses names that are not among the properties.
    const known = listOf(required).filter((name) => isString(name) && names.includes(name));
    if (known.length > 0) schema.required = known;
  }
}

const objectOf = (value: unknown): JsonObject => (isObject(value) ? value : {});
const listOf = (value: unknown): readonly unknown[] => (isArray(value) ? value : []);

function unescaped(step: string): string {
  const text = step.replaceAll('~1', '/').replaceAll('~0', '~');
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function typesOf({ type }: JsonObject): { readonly types: readonly string[]; readonly isNullable: boolean } {
  const all = (isArray(type) ? type : [type]).filter(isString).map((name) => name.toLowerCase());
  const types = all.filter((name) => name !== 'null');
  return { types, isNullable: types.length < all.length };
}

/** One branch a type, each with what the schema says. */
const split = (found: JsonObject, types: readonly string[]): JsonObject[] =>
  types.map((type) => ({ ...found, type, description: undefined }));

function valuesOf(found: JsonObject): { readonly values: readonly unknown[] | undefined; readonly hasNull: boolean } {
  const all = isArray(found.enum) ? found.enum : found.const === undefined ? undefined : [found.const];
  const values = all?.filter((value) => value !== null);
  return { values, hasNull: values !== undefined && all !== undefined && values.length < all.length };
}

function guessType(found: JsonObject, values: readonly unknown[] | undefined): string {
  if (isObject(found.properties) || found.additionalProperties !== undefined) return 'object';
  if (found.items !== undefined || found.prefixItems !== undefined) return 'array';
  const [first] = values ?? [];
  if (isNumber(first)) return values?.every(Number.isInteger) ? 'integer' : 'number';
  return typeof first === 'boolean' ? 'boolean' : 'string';
}

/** Only texts can be enumerated; other values are told in words. */
function addValues(schema: JsonObject, type: string, values: readonly unknown[] | undefined): void {
  if (values === undefined || values.length === 0) return;
  if (type === 'string') {
    // An empty text among the values is refused.
    const texts = values.map((value) => (isString(value) ? value : JSON.stringify(value))).filter(Boolean);
    if (texts.length > 0) schema.enum = texts;
    return;
  }
  const told = `One of: ${values.map((value) => JSON.stringify(value)).join(', ')}.`;
  schema.description = isString(schema.description) ? `${schema.description} ${told}` : told;
}
