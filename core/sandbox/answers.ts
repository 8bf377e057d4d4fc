/** The host's side of what a guest asks for: log, sleep, features of its request, and HTTP where it is granted. */
import { type Embedder, type HostFetchOptions, type Log, RutterError, type Secret } from '@rutter/plugin-sdk';
import type { KernelServices } from '../plugins/kernel-services.ts';
import { isSecret } from '../upstream/secret.ts';
import type { Answerer } from './guest-port.ts';

/** Lines a second; the rest is counted and told of. */
const mostLines = 20;
const longestMessage = 2000;
const mostSleepMs = 60_000;
const mostFetchMs = 10_000;
const mostFetchBytes = 512 * 1024;

export interface AnswersOptions {
  readonly name: string;
  readonly kernel: Pick<KernelServices, 'fetch' | 'clock'>;
  readonly log: Log;
  /** Origins it may fetch from; anywhere when undefined. */
  readonly origins: readonly string[] | undefined;
  /** Of a plugin that is trusted: the services its manifest uses. Its log lines are its own affair. */
  readonly services?: ReadonlyMap<string, unknown>;
}

type Fields = Readonly<Record<string, unknown>>;

export function answersFor({ name, kernel, log, origins, services }: AnswersOptions): Answerer {
  const lines = new LogLines(log, () => kernel.clock.monotonic());
  return (what, argument, context) => {
    if (what === 'log') return services === undefined ? lines.write(argument) : written(log, argument);
    if (what === 'embed' && services !== undefined)
      return (services.get('embedder') as Embedder).embed(argument.texts as readonly string[]);
    if (what === 'want') return context?.features.want(String(argument.name));
    if (what === 'sleep') return kernel.clock.sleep(Math.min(Math.max(Number(argument.ms) || 0, 0), mostSleepMs));
    if (what === 'fetch') return fetched(name, argument, { kernel, origins });
    throw new RutterError('ERR_PLUGIN_INVALID', `The sandbox has no host.${what.slice(0, 100)}.`);
  };
}

function written(log: Log, { level, fields, message }: Fields): void {
  log[levelOf(level)]((fields ?? {}) as Fields, typeof message === 'string' ? message : undefined);
}

const levelOf = (level: unknown): keyof Log =>
  level === 'debug' || level === 'warn' || level === 'error' ? level : 'info';

class LogLines {
  readonly #log: Log;
  readonly #monotonic: () => number;
  #second = 0;
  #written = 0;
  #dropped = 0;

  constructor(log: Log, monotonic: () => number) {
    this.#log = log;
    this.#monotonic = monotonic;
  }

  write({ level, fields, message }: Fields): undefined {
    const second = Math.floor(this.#monotonic() / 1000);
    if (second !== this.#second) {
      if (this.#dropped > 0) this.#log.warn({ dropped: this.#dropped }, 'the plugin logged more than it may');
      this.#second = second;
      this.#written = 0;
      this.#dropped = 0;
    }
    if (this.#written >= mostLines) {
      this.#dropped += 1;
      return undefined;
    }
    this.#written += 1;
    const words = typeof message === 'string' ? message.slice(0, longestMessage) : undefined;
    // Under one name: a guest shall not write fields that the gateway's own lines have.
    this.#log[levelOf(level)]({ said: JSON.stringify(fields ?? {}, plainest).slice(0, longestMessage) }, words);
    return undefined;
  }
}

const plainest = (_key: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value);

async function fetched(
  name: string,
  argument: Fields,
  { kernel, origins }: Pick<AnswersOptions, 'origins'> & { readonly kernel: Pick<KernelServices, 'fetch'> },
): Promise<unknown> {
  const url = URL.parse(String(argument.url));
  if (url === null || (origins !== undefined && !origins.includes(url.origin)))
    throw new RutterError(
      'ERR_PLUGIN_INVALID',
      `Plugin "${name}" may fetch from ${origins?.join(', ') || 'nowhere'}; found ${url?.origin ?? 'no address'}.`,
    );
  const { method, body, timeoutMs, maxBytes } = argument;
  const options: HostFetchOptions = {
    headers: headersOf(argument.headers),
    timeoutMs: Math.min(Number(timeoutMs) || mostFetchMs, mostFetchMs),
    maxBytes: Math.min(Number(maxBytes) || mostFetchBytes, mostFetchBytes),
    ...(typeof method === 'string' && { method }),
    ...(typeof body === 'string' && { body }),
  };
  const reply = await kernel.fetch(url.href, options);
  return { status: reply.status, headers: reply.headers, text: await reply.text() };
}

function headersOf(headers: unknown): Record<string, string | Secret> {
  const entries = Object.entries((headers ?? {}) as Fields);
  return Object.fromEntries(entries.filter((entry): entry is [string, string | Secret] => isValue(entry[1])));
}

const isValue = (value: unknown): boolean => typeof value === 'string' || isSecret(value);
