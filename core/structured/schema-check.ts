/**
 * Whether a value fits a JSON Schema that a caller sent.
 *
 * The schema is interpreted, never compiled to code, and what it may cost is
 * bounded: its size, its parts, and the time of each check, since a caller's
 * pattern may backtrack without an end.
 */
import { createContext, Script } from 'node:vm';
import { dereference, type Schema, type SchemaDraft, Validator } from '@cfworker/json-schema';
import { RutterError } from '@rutter/plugin-sdk';

/** Most characters of a schema as JSON; vendors take 120,000 at most. */
const mostCharacters = 256 * 1024;
const mostParts = 10_000;
const mostMs = 250;
/** Faults told of one value. */
const mostFaults = 5;

/** Keywords whose failure is that of what stands in them; `false` says less than the keyword it stands in. */
const wholes: ReadonlySet<string> = new Set([
  'properties',
  'items',
  'prefixItems',
  '$ref',
  'allOf',
  'anyOf',
  'oneOf',
  'then',
  'else',
  'false',
]);

/** What is wrong with a value. */
export interface SchemaFault {
  /** Where and by which keyword, without a word of the value. */
  readonly summary: string;
  /** In full, for the model that is to mend it. */
  readonly detail: string;
}

export type SchemaCheck = (value: unknown) => SchemaFault | undefined;

const param = 'response_format';
const invalid = (found: string, cause?: unknown) =>
  new RutterError('ERR_REQUEST_INVALID', `${param}: found a JSON Schema ${found}.`, { param, cause });

/** Throws ERR_REQUEST_INVALID for a schema that cannot be checked by. */
export function schemaCheck(schema: unknown): SchemaCheck {
  if (typeof schema === 'boolean') return schemaCheck(schema ? {} : { not: {} });
  if (typeof schema !== 'object' || schema === null) throw invalid('that is no object, expected one');
  const text = JSON.stringify(schema);
  if (text.length > mostCharacters)
    throw invalid(`of ${text.length} characters, expected at most ${mostCharacters} where it has to be checked here`);
  // A copy of its own: the validator leaves marks in what it is given.
  const own = JSON.parse(text) as Schema;
  const parts = objectsIn(own);
  if (parts > mostParts) throw invalid(`of ${parts} parts, expected at most ${mostParts}`);
  const validator = inTime(() => {
    checkParts(own);
    return new Validator(own, draftOf(own), false);
  });
  return (value) => {
    const { valid, errors } = inTime(() => validator.validate(value));
    if (valid) return undefined;
    // Those of the parts come last, and say more than those of the wholes around them.
    const leaves = errors.filter(({ keyword }) => !wholes.has(keyword));
    const told = (leaves.length > 0 ? leaves : errors).slice(0, mostFaults);
    const [first] = told;
    return {
      summary: `at ${first?.instanceLocation ?? '#'} the keyword "${first?.keyword ?? 'schema'}" is not met`,
      detail: told.map(({ instanceLocation, error }) => `${instanceLocation}: ${error}`).join('\n'),
    };
  };
}

/** Objects at every depth; few of them are no schemas. */
function objectsIn(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const inner = Object.values(value).reduce((sum: number, member) => sum + objectsIn(member), 0);
  return Array.isArray(value) ? inner : inner + 1;
}

/** What a check would only trip over later: references to nothing, and patterns that are none. */
function checkParts(schema: Schema): void {
  const parts = dereference(schema);
  for (const part of Object.values(parts) as Schema[]) {
    if (typeof part !== 'object') continue;
    const { $ref, __absolute_ref__: target = $ref, pattern, patternProperties } = part;
    if (target !== undefined && parts[target] === undefined)
      throw invalid(`with the reference ${JSON.stringify($ref)}, expected one to a part of itself`);
    for (const source of [pattern, ...Object.keys(patternProperties ?? {})]) if (source !== undefined) compile(source);
  }
}

function compile(source: string): void {
  try {
    new RegExp(source, 'u');
  } catch (error) {
    throw invalid(`with the pattern ${JSON.stringify(source.slice(0, 60))}, expected a regular expression`, error);
  }
}

function draftOf({ $schema = '' }: Schema): SchemaDraft {
  if ($schema.includes('draft-04')) return '4';
  if ($schema.includes('draft-06') || $schema.includes('draft-07')) return '7';
  return $schema.includes('2019-09') ? '2019-09' : '2020-12';
}

const box = createContext({ run: undefined as unknown });
const script = new Script('run()');

/** Runs under V8's own watchdog, which ends loops and regular expressions alike. */
function inTime<T>(run: () => T): T {
  box.run = run;
  try {
    return script.runInContext(box, { timeout: mostMs }) as T;
  } catch (error) {
    if (RutterError.is(error)) throw error;
    const isLate = (error as NodeJS.ErrnoException).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
    throw invalid(isLate ? `that takes longer than ${mostMs} ms to check by` : 'that cannot be checked by', error);
  } finally {
    box.run = undefined;
  }
}
