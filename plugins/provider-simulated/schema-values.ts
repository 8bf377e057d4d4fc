/**
 * Values that conform to a JSON Schema, the same for the same seed.
 *
 * Optional properties are given too, until the value is deep; from there on
 * only what is required, so that a schema which refers to itself ends.
 * `pattern`, `not` and `if` are not understood.
 */
import { isObject, type WireObject } from './fields.ts';

const optionalDepth = 3;
const maxDepth = 24;

interface Place {
  readonly root: unknown;
  readonly chance: () => number;
  /** Name of the property, for a value that reads well. */
  readonly name: string;
  readonly depth: number;
}

export function valueFor(schema: unknown, chance: () => number): unknown {
  return make(schema, { root: schema, chance, name: 'value', depth: 0 });
}

function make(schema: unknown, place: Place): unknown {
  if (!isObject(schema) || place.depth > maxDepth) return place.depth > maxDepth ? null : 'anything';
  if (typeof schema.$ref === 'string')
    return make({ ...without(schema, '$ref'), ...resolved(place.root, schema.$ref) }, deeper(place));
  if ('const' in schema) return schema.const;
  if (Array.isArray(schema.enum) && schema.enum.length > 0) return pick(schema.enum, place);
  for (const name of ['anyOf', 'oneOf'] as const) {
    const options = schema[name];
    if (Array.isArray(options) && options.length > 0)
      return make(merged(without(schema, name), shallowest(options)), deeper(place));
  }
  if (Array.isArray(schema.allOf)) return make(schema.allOf.reduce(merged, without(schema, 'allOf')), deeper(place));
  return ofType(typeOf(schema), schema, place);
}

const deeper = (place: Place): Place => ({ ...place, depth: place.depth + 1 });

const pick = (options: readonly unknown[], { chance }: Place) => options[Math.floor(chance() * options.length)];

function without(schema: WireObject, name: string): WireObject {
  const { [name]: _, ...rest } = schema;
  return rest;
}

// A null, where there is one, ends a list or a tree: any other option may go on for ever.
function shallowest(options: readonly unknown[]): unknown {
  const plain = options.find((option) => isObject(option) && !('$ref' in option) && option.type !== 'null');
  return plain ?? options.find((option) => isObject(option) && option.type === 'null') ?? options[0];
}

function merged(base: unknown, added: unknown): WireObject {
  if (!isObject(base) || !isObject(added)) return isObject(base) ? base : {};
  const required = [base.required, added.required].flatMap((names) => (Array.isArray(names) ? names : []));
  const properties = {
    ...(isObject(base.properties) && base.properties),
    ...(isObject(added.properties) && added.properties),
  };
  return {
    ...base,
    ...added,
    ...(required.length > 0 && { required }),
    ...(Object.keys(properties).length > 0 && { properties }),
  };
}

/** What a reference within the schema points at, `#/$defs/name`. */
function resolved(root: unknown, reference: string): WireObject {
  const steps = reference
    .split('/')
    .slice(1)
    .map((step) => decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~'));
  let found: unknown = reference.startsWith('#') ? root : undefined;
  for (const step of steps) found = isObject(found) && Object.hasOwn(found, step) ? found[step] : undefined;
  return isObject(found) ? found : {};
}

function typeOf(schema: WireObject): string {
  const { type } = schema;
  if (typeof type === 'string') return type;
  if (Array.isArray(type)) return type.find((name) => name !== 'null') ?? 'null';
  if (isObject(schema.properties)) return 'object';
  return 'items' in schema || 'prefixItems' in schema ? 'array' : 'string';
}

function ofType(type: string, schema: WireObject, place: Place): unknown {
  switch (type) {
    case 'object':
      return objectFor(schema, place);
    case 'array':
      return arrayFor(schema, place);
    case 'integer':
    case 'number':
      return numberFor(schema, type === 'integer', place);
    case 'boolean':
      return place.chance() < 0.5;
    case 'null':
      return null;
    default:
      return textFor(schema, place);
  }
}

function objectFor(schema: WireObject, place: Place): WireObject {
  const properties = isObject(schema.properties) ? schema.properties : {};
  const required = Array.isArray(schema.required) ? schema.required.filter((name) => typeof name === 'string') : [];
  const optional = place.depth < optionalDepth ? Object.keys(properties) : [];
  const names = [...new Set([...optional, ...required])];
  return Object.fromEntries(names.map((name) => [name, make(properties[name] ?? {}, { ...deeper(place), name })]));
}

function arrayFor(schema: WireObject, place: Place): unknown[] {
  const first = Array.isArray(schema.prefixItems) ? schema.prefixItems : [];
  const least = numeric(schema.minItems) ?? 0;
  const most = numeric(schema.maxItems) ?? Number.POSITIVE_INFINITY;
  // A list of things that hold such lists again has to end somewhere.
  const wished = place.depth < optionalDepth ? Math.max(first.length, 1) : 0;
  const length = Math.min(Math.max(wished, least), most, 1_000);
  return Array.from({ length }, (_, index) => make(first[index] ?? schema.items ?? {}, deeper(place)));
}

const numeric = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) ? value : undefined;

function numberFor(schema: WireObject, isInteger: boolean, { chance }: Place): number {
  const step = numeric(schema.multipleOf) ?? (isInteger ? 1 : 0.5);
  const above = numeric(schema.exclusiveMinimum);
  const below = numeric(schema.exclusiveMaximum);
  const highest = Math.min(numeric(schema.maximum) ?? Number.POSITIVE_INFINITY, below ?? Number.POSITIVE_INFINITY);
  const lowest = Math.max(numeric(schema.minimum) ?? Number.NEGATIVE_INFINITY, above ?? Number.NEGATIVE_INFINITY);
  const from = Number.isFinite(lowest) ? lowest : Number.isFinite(highest) ? Math.min(1, highest - step) : 1;
  const to = Number.isFinite(highest) ? highest : from + 99 * step;
  const fits = (value: number) => value >= from && value <= to && value !== above && value !== below;
  const wished = Math.ceil((from + chance() * (to - from)) / step) * step;
  const candidates = [wished, wished - step, Math.ceil(from / step) * step, (Math.floor(from / step) + 1) * step];
  return candidates.find(fits) ?? (isInteger ? Math.ceil(from) : (from + to) / 2);
}

const formats: Readonly<Record<string, string>> = {
  date: '2030-01-01',
  time: '12:00:00Z',
  'date-time': '2030-01-01T12:00:00Z',
  duration: 'PT1H',
  email: 'someone@example.com',
  hostname: 'example.com',
  ipv4: '192.0.2.1',
  ipv6: '2001:db8::1',
  uri: 'https://example.com/',
  url: 'https://example.com/',
  uuid: '3f2504e0-4f89-41d3-9a0c-0305e82c3301',
};

function textFor(schema: WireObject, { name }: Place): string {
  const [example] = Array.isArray(schema.examples) ? schema.examples : [schema.default];
  if (typeof example === 'string') return example;
  if (typeof schema.format === 'string' && Object.hasOwn(formats, schema.format)) return formats[schema.format] ?? '';
  const least = numeric(schema.minLength) ?? 0;
  const most = numeric(schema.maxLength) ?? Number.POSITIVE_INFINITY;
  return `simulated ${name}`.padEnd(Math.min(least, 100_000), '.').slice(0, most);
}
