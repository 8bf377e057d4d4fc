/**
 * What a conformance suite found, and the small runner all suites share.
 *
 * No test runner is imported: a suite is called from whichever one its author
 * uses, and {@link assertConforms} throws the way any of them understands.
 */
import { isDeepStrictEqual } from 'node:util';
import { RutterError } from '../contract/errors.ts';
import type { Facets, Kind, Kinds } from '../contract/kinds.ts';
import { type PluginDefinition, z } from '../contract/plugin.ts';
import { type FakeHost, type FakeHostOptions, fakeHost } from './host.ts';

export interface Report {
  /** Titles of the checks that held. */
  readonly passed: readonly string[];
  readonly failed: readonly { readonly title: string; readonly reason: string }[];
}

/** A plugin's definition, or a function that makes an instance of it. */
export type Subject<K extends Kind> =
  | PluginDefinition
  | ((host: FakeHost) => (Kinds[K] & Facets) | Promise<Kinds[K] & Facets>);

/** What every suite takes. */
export interface SuiteOptions {
  /** The plugin's configuration before it is checked; `{}` when absent. */
  readonly config?: unknown;
  readonly host?: FakeHostOptions;
  /** Longest time one check may take, in milliseconds of real time; 10,000 when absent. */
  readonly checkTimeoutMs?: number;
}

/** Throws an Error that names every failed check. */
export function assertConforms(report: Report): void {
  if (report.failed.length === 0) return;
  const lines = report.failed.map(({ title, reason }) => `  ${title}: ${reason}`);
  const count = report.failed.length + report.passed.length;
  throw new Error(`${report.failed.length} of ${count} conformance checks failed:\n${lines.join('\n')}`);
}

/** One host with an instance in it. */
interface Running<K extends Kind> {
  readonly host: FakeHost;
  readonly instance: Kinds[K] & Facets;
}

export interface Suite<K extends Kind> {
  /** A title is a true sentence about a conforming plugin. */
  check(title: string, run: () => void | Promise<void>): Promise<void>;
  /** A fresh instance in a host of its own; disposed when the suite ends. */
  start(change?: FakeHostOptions): Promise<Running<K>>;
  finish(): Promise<Report>;
}

/** Runs the checks of one kind. The checks every kind shares come first; without them nothing else runs. */
export async function runSuite<K extends Kind>(
  kind: K,
  { subject, options }: { readonly subject: Subject<K>; readonly options: SuiteOptions },
  checks: (suite: Suite<K>) => Promise<void>,
): Promise<Report> {
  const suite = suiteOf(subject, options);
  if (typeof subject !== 'function') await checkDefinition(kind, subject, { suite, options });
  let stands = false;
  await suite.check(`sets up as a ${kind}`, async () => {
    const { instance } = await suite.start();
    expect(typeof instance === 'object' && instance !== null, () => `setup returned ${show(instance)}, not an object`);
    stands = true;
  });
  if (stands) await checks(suite);
  return suite.finish();
}

function suiteOf<K extends Kind>(subject: Subject<K>, options: SuiteOptions): Suite<K> {
  const passed: string[] = [];
  const failed: { title: string; reason: string }[] = [];
  const running: Running<K>[] = [];
  const timeoutMs = options.checkTimeoutMs ?? 10_000;

  const check = async (title: string, run: () => void | Promise<void>) => {
    try {
      await within(timeoutMs, async () => run());
      passed.push(title);
    } catch (error) {
      failed.push({ title, reason: reasonOf(error) });
    }
  };

  const start = async (change: FakeHostOptions = {}) => {
    const host = fakeHost({ ...options.host, ...change });
    const instance = (await setUp(subject, host, options)) as Kinds[K] & Facets;
    const entry = { host, instance };
    running.push(entry);
    return entry;
  };

  const finish = async () => {
    await check('ends without an error', async () => {
      for (const { host, instance } of running.splice(0).reverse()) {
        host.end();
        await instance.dispose?.();
      }
    });
    return { passed, failed };
  };

  return { check, start, finish };
}

function setUp<K extends Kind>(subject: Subject<K>, host: FakeHost, options: SuiteOptions): unknown {
  if (typeof subject === 'function') return subject(host);
  return subject.setup(host, subject.config.parse(options.config ?? {}));
}

async function checkDefinition(
  kind: Kind,
  plugin: PluginDefinition,
  { suite, options }: { suite: Suite<Kind>; options: SuiteOptions },
): Promise<void> {
  await suite.check(`is defined as a ${kind}`, () => {
    expect(plugin.kind === kind, () => `its kind is ${show(plugin.kind)}`);
  });
  await suite.check('accepts the configuration it is given, or none', () => {
    const parsed = plugin.config.safeParse(options.config ?? {});
    expect(parsed.success, () => `the configuration was refused: ${parsed.error?.message}`);
  });
  await suite.check('describes every option', () => {
    const schema = z.toJSONSchema(plugin.config, { io: 'input', unrepresentable: 'any' }) as {
      properties?: Record<string, { description?: string }>;
    };
    const silent = Object.entries(schema.properties ?? {}).filter(([, option]) => !option.description);
    expect(silent.length === 0, () => `no description: ${silent.map(([name]) => name).join(', ')}`);
  });
}

/** Fails a check. The reason is a function so that building it costs nothing while all is well. */
export function expect(holds: boolean, reason: () => string): asserts holds {
  if (!holds) throw new Error(reason());
}

/** Fails a check unless the two are deeply equal. */
export function expectEqual(found: unknown, expected: unknown, what: string): void {
  expect(isDeepStrictEqual(found, expected), () => `${what} is ${show(found)}, expected ${show(expected)}`);
}

/** The RutterError that `run` must end in. */
export async function expectError(run: () => unknown, what: string): Promise<RutterError> {
  let result: unknown;
  try {
    result = await run();
  } catch (error) {
    expect(RutterError.is(error), () => `${what} threw ${reasonOf(error)}, expected a RutterError`);
    return error;
  }
  throw new Error(`${what} gave ${show(result)}, expected a RutterError`);
}

/** What `run` gives, or the RutterError it ends in; anything else thrown fails the check. */
export function giveOrRefuse<T>(run: () => T, what: string): { readonly value: T } | { readonly error: RutterError } {
  try {
    return { value: run() };
  } catch (error) {
    expect(RutterError.is(error), () => `${what} threw ${reasonOf(error)}, expected a RutterError`);
    return { error };
  }
}

/** Rejects when the work takes longer than it may. */
export async function within<T>(timeoutMs: number, work: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`did not end within ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    return await Promise.race([work(), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** A value in at most 200 characters. */
export function show(value: unknown): string {
  const text = stringify(value);
  return text.length > 200 ? `${text.slice(0, 199)}…` : text;
}

function stringify(value: unknown): string {
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  const plain = (_key: string, inner: unknown) => (typeof inner === 'bigint' ? `${inner}n` : inner);
  try {
    return JSON.stringify(value, plain) ?? String(value);
  } catch {
    return String(value);
  }
}

const reasonOf = (error: unknown): string =>
  error instanceof Error
    ? RutterError.is(error)
      ? `${error.code} ${error.message}`
      : error.message || error.name
    : show(error);
