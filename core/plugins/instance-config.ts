/**
 * Checks an instance's options against its plugin's schema and hands them over:
 * defaults filled in, secrets wrapped.
 *
 * Problems name the place in the file and never show a value.
 */
import { dirname, resolve } from 'node:path';
import { type PluginDefinition, z } from '@rutter/plugin-sdk';
import { didYouMean } from '@rutter/plugin-sdk/pack';
import type { Configuration, Diagnostic, Place } from '../config/types.ts';
import { createSecret } from '../upstream/secret.ts';
import { type PlannedInstance, Problems, pathBelow, type Settings } from './plan.ts';

export interface JsonSchema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: unknown;
  readonly items?: JsonSchema;
  /** Set by `secret()` of the SDK. */
  readonly secret?: boolean;
  /** Set by `location()` of the SDK. */
  readonly location?: boolean;
  /** Set by `artefact()` of the SDK. */
  readonly artefact?: boolean;
}

export type ConfigResult =
  | { readonly config: unknown; readonly warnings: readonly Diagnostic[] }
  | { readonly diagnostics: readonly Diagnostic[] };

type Path = readonly PropertyKey[];

/** What reading options by their schema gave; `data` counts only without issues. */
export interface Parsed {
  readonly data: unknown;
  readonly issues: readonly Issue[];
}

type Issue = (z.core.$ZodIssue | OtherIssue) & { readonly path: Path };

/** Of a schema that is read elsewhere. */
interface OtherIssue {
  readonly code: 'custom';
  readonly path: Path;
  readonly message: string;
}

export interface OptionsReader {
  /** JSON Schema. */
  readonly schema: unknown;
  parse(values: unknown): Parsed | Promise<Parsed>;
}

/** Reads options with the schema of a definition that is at hand. */
export function readerOf({ manifest }: PlannedInstance['package'], { config }: PluginDefinition): OptionsReader {
  return {
    schema: manifest.config ?? z.toJSONSchema(config, { io: 'input', unrepresentable: 'any' }),
    parse: (values) => {
      const { data, error } = config.safeParse(values);
      return { data, issues: error?.issues ?? [] };
    },
  };
}

export async function configure(
  planned: PlannedInstance,
  reader: OptionsReader,
  configuration: Pick<Configuration, 'placeOf'>,
): Promise<ConfigResult> {
  const schema = reader.schema as JsonSchema;
  const problems = new Problems();
  const place = (path: Path) => configuration.placeOf(writtenAt(planned, path));
  const known = Object.keys(schema.properties ?? {});
  const isDerived = (path: Path) => path.length === 1 && planned.config.derived.includes(String(path[0]));
  const values: Record<string, unknown> = { ...planned.config.values };
  for (const { path, siblings } of unknownOptions(schema, values, [])) {
    const name = String(path.at(-1));
    const message = `Plugin "${planned.name}" has no option "${name}".${didYouMean(name, siblings)}`;
    const words = [message, name, siblings.length === 0 ? 'no options' : `one of ${siblings.join(', ')}`] as const;
    if (!isDerived(path)) problems.error(place(path), words);
    else {
      problems.warn(place(path), words);
      delete values[name];
    }
  }
  const parsed = await reader.parse(wrapped(schema, values, [], place));
  for (const issue of parsed.issues) {
    if (issue.code === 'unrecognized_keys' && problems.hasErrors) continue;
    const option = issue.path.length === 0 ? 'its options' : `option "${issue.path.reduce<string>(pathBelow, '')}"`;
    problems.error(place(issue.path), [
      `Plugin "${planned.name}" refuses ${option}: ${issue.message}.`,
      describeType(issue.path.reduce<unknown>(step, values)),
      expectation(issue, known),
    ]);
  }
  if (problems.hasErrors) return { diagnostics: problems.found };
  return { config: parsed.data, warnings: problems.found };
}

/** The path in the configuration that an option of an instance was written at. */
export function writtenAt({ config }: PlannedInstance, [key, ...rest]: Path): string {
  if (key === undefined) return config.base;
  return rest.reduce<string>(pathBelow, config.paths[String(key)] ?? pathBelow(config.base, key));
}

/** Options that a schema with a closed list of them does not have, at any depth. */
function* unknownOptions(
  schema: JsonSchema,
  value: unknown,
  path: Path,
): Generator<{ readonly path: Path; readonly siblings: readonly string[] }> {
  if (Array.isArray(value)) {
    if (schema.items !== undefined)
      for (const [index, item] of value.entries()) yield* unknownOptions(schema.items, item, [...path, index]);
    return;
  }
  const { properties } = schema;
  if (!isBlock(value) || schema.type !== 'object' || properties === undefined) return;
  const isClosed = schema.additionalProperties === undefined || schema.additionalProperties === false;
  for (const [key, item] of Object.entries(value)) {
    const inner = Object.hasOwn(properties, key) ? properties[key] : undefined;
    if (inner !== undefined) yield* unknownOptions(inner, item, [...path, key]);
    else if (isClosed) yield { path: [...path, key], siblings: Object.keys(properties) };
  }
}

/** Texts where the schema asks for a secret become objects that do not print, and paths are seen from their file. */
function wrapped(schema: JsonSchema | undefined, value: unknown, path: Path, placeOf: (path: Path) => Place): unknown {
  if (typeof value === 'string') {
    if (schema?.secret === true) return createSecret(value);
    return schema?.location === true && !isAddress.test(value) ? resolve(dirname(placeOf(path).file), value) : value;
  }
  if (Array.isArray(value)) return value.map((item, index) => wrapped(schema?.items, item, [...path, index], placeOf));
  if (!isBlock(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, wrapped(propertyOf(schema, key), item, [...path, key], placeOf)]),
  );
}

/** `https://…`, `file:…`, `s3://…`; a drive of Windows has one letter. */
const isAddress = /^[a-z][a-z0-9+.-]+:/i;

export function propertyOf(schema: JsonSchema | undefined, key: string): JsonSchema | undefined {
  const own = schema?.properties;
  if (own !== undefined && Object.hasOwn(own, key)) return own[key];
  return isBlock(schema?.additionalProperties) ? (schema.additionalProperties as JsonSchema) : undefined;
}

const isBlock = (value: unknown): value is Settings =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;

const step = (value: unknown, key: PropertyKey): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<PropertyKey, unknown>)[key] : undefined;

function describeType(value: unknown): string {
  if (value === undefined || value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  const names: Readonly<Record<string, string>> = { string: 'a text', number: 'a number', boolean: 'a switch' };
  return names[typeof value] ?? 'a block';
}

function expectation(issue: Issue, known: readonly string[]): string {
  if (issue.code === 'invalid_type') return `a value of type ${issue.expected}`;
  if (issue.code === 'invalid_value') return `one of ${issue.values.map(String).join(', ')}`;
  if (issue.code === 'too_small') return `at least ${issue.minimum}`;
  if (issue.code === 'too_big') return `at most ${issue.maximum}`;
  if (issue.code === 'unrecognized_keys') return known.length === 0 ? 'no options' : `one of ${known.join(', ')}`;
  return 'a value that its description allows';
}
