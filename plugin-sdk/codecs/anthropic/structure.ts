/**
 * How a model of the API is held to a JSON Schema.
 *
 * From 4.5 on models take one in `output_config.format`, within limits: every
 * object is closed, nothing refers to itself, and bounds of numbers, texts and
 * lists are not known; these are told in descriptions instead.
 * https://platform.claude.com/docs/en/build-with-claude/structured-outputs
 */
import type { ChatRequest } from '../../contract/chat.ts';
import type { Deployment } from '../../contract/request.ts';
import { isArray, isObject, isString, type JsonObject } from '../values.ts';
import { modelVersion } from './names.ts';
import { writeThinking } from './reasoning.ts';

const firstNative = 405;

/** While a model thinks it cannot be made to call a tool, so that JSON it must be asked for in words. */
export function bestStructure(deployment: Deployment, request: ChatRequest): 'native' | 'tool' | 'json' {
  const { responseFormat: format } = request;
  const { supports_response_schema: takesSchema } = deployment.info;
  const version = modelVersion(deployment.model);
  // Tables of models say true of all of them, since others make a schema of a tool too: it counts for names nobody knows.
  const isNative = takesSchema !== false && (version >= firstNative || (version === 0 && takesSchema === true));
  if (format?.type === 'json-schema' && isNative && nativeSchema(format.schema) !== undefined) return 'native';
  const { isThinking } = writeThinking(request, deployment, { dropped: [], drop: () => {} });
  return isThinking ? 'json' : 'tool';
}

/** Keywords that would change what fits, and cannot be told to the API. */
const beyond = [
  'not',
  'if',
  'then',
  'else',
  'patternProperties',
  'propertyNames',
  'dependentSchemas',
  'dependentRequired',
  'dependencies',
  'prefixItems',
  'contains',
  'unevaluatedProperties',
  'unevaluatedItems',
  '$dynamicRef',
  '$recursiveRef',
];
/** Bounds the API does not know; the model is told of them in words. */
const bounds = [
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'multipleOf',
  'minLength',
  'maxLength',
  'pattern',
  'maxItems',
  'uniqueItems',
  'minProperties',
  'maxProperties',
];
const formats = new Set<unknown>([
  'date-time',
  'time',
  'date',
  'duration',
  'email',
  'hostname',
  'uri',
  'ipv4',
  'ipv6',
  'uuid',
]);

class Inexpressible extends Error {}

/** The schema as the API takes it; undefined for one it cannot be told of. */
export function nativeSchema(schema: unknown): JsonObject | undefined {
  try {
    if (!isObject(schema) || isRecursive(schema)) return undefined;
    const { $schema: _, ...written } = writeSchema(schema);
    return written;
  } catch (error) {
    if (error instanceof Inexpressible) return undefined;
    throw error;
  }
}

function writeSchema(schema: JsonObject): JsonObject {
  if (beyond.some((name) => schema[name] !== undefined)) throw new Inexpressible();
  if (schema.oneOf !== undefined && schema.anyOf !== undefined) throw new Inexpressible();
  if (isString(schema.$ref) && !schema.$ref.startsWith('#/')) throw new Inexpressible();
  const told: JsonObject = {};
  const written: JsonObject = {};
  for (const [name, value] of Object.entries(schema)) {
    const isTold =
      bounds.includes(name) ||
      (name === 'format' && !formats.has(value)) ||
      (name === 'minItems' && value !== 0 && value !== 1);
    if (isTold) told[name] = value;
    // One of several alternatives that exclude each other is one of several.
    else written[name === 'oneOf' ? 'anyOf' : name] = writeKeyword(name, value);
  }
  if (schema.type === 'object' || schema.properties !== undefined) close(schema, written);
  if (Object.keys(told).length > 0) written.description = described(schema.description, told);
  return written;
}

function close({ additionalProperties: more }: JsonObject, written: JsonObject): void {
  if (more !== undefined && more !== false) throw new Inexpressible();
  written.additionalProperties = false;
}

const described = (description: unknown, told: JsonObject): string =>
  `${isString(description) ? `${description} ` : ''}${JSON.stringify(told)}`;

function writeKeyword(name: string, value: unknown): unknown {
  switch (name) {
    case 'properties':
    case '$defs':
    case 'definitions':
      if (!isObject(value)) return value;
      return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, writeNested(inner)]));
    case 'anyOf':
    case 'oneOf':
    case 'allOf':
      return isArray(value) ? value.map(writeNested) : value;
    case 'items':
      return writeNested(value);
    case 'enum':
      // Only plain values may stand in a list of them.
      if (isArray(value) && value.some((one) => typeof one === 'object' && one !== null)) throw new Inexpressible();
      return value;
    default:
      return value;
  }
}

function writeNested(value: unknown): JsonObject {
  if (!isObject(value)) throw new Inexpressible();
  return writeSchema(value);
}

/** Whether some definition leads back to itself, or to the whole. */
function isRecursive(schema: JsonObject): boolean {
  const places = new Map<string, JsonObject>();
  for (const family of ['$defs', 'definitions']) {
    const group = schema[family];
    if (!isObject(group)) continue;
    for (const [name, value] of Object.entries(group)) if (isObject(value)) places.set(`#/${family}/${name}`, value);
  }
  const done = new Set<string>();
  const visit = (reference: string, path: ReadonlySet<string>): boolean => {
    if (path.has(reference)) return true;
    if (done.has(reference)) return false;
    const inner = new Set(path).add(reference);
    const target = places.get(reference);
    // What is referred to elsewhere than among the definitions may lie around the reference itself.
    const found = target === undefined || referencesIn(target).some((next) => visit(next, inner));
    done.add(reference);
    return found;
  };
  const { $defs: _, definitions: _others, ...rest } = schema;
  return referencesIn(rest).some((reference) => visit(reference, new Set()));
}

function referencesIn(value: unknown): string[] {
  if (isArray(value)) return value.flatMap(referencesIn);
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([name, inner]) =>
    name === '$ref' && isString(inner) ? [inner] : referencesIn(inner),
  );
}
