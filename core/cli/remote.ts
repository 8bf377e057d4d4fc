/** Commands that ask a running gateway: `rutter plugins`, `rutter reload`. */
import { parseArgs } from 'node:util';
import { RutterError } from '@rutter/plugin-sdk';
import { request } from 'undici';

const flags = { url: { type: 'string' }, key: { type: 'string' }, json: { type: 'boolean' } } as const;
export const askedMs = 30_000;
/** A plugin may take its time to set up, and another change may be under way. */
export const reloadMs = 120_000;

export const usage = (command: string, what: string) => `Usage: rutter ${command} [options]

${what}

      --url URL   where the gateway answers; RUTTER_URL when absent, else http://127.0.0.1:PORT, PORT being 4000 when absent
      --key KEY   its master key; RUTTER_MASTER_KEY or LITELLM_MASTER_KEY when absent
      --json      prints the whole answer as JSON
`;

const commands = {
  plugins: {
    name: 'plugins',
    usage: usage('plugins', 'Lists what a running gateway is made of, with the reason for each.'),
  },
  reload: {
    name: 'reload',
    usage: usage(
      'reload',
      'Makes a running gateway read its configuration again. Ends with 1 when it refuses the change, and says why.',
    ),
  },
};

export interface Asked {
  readonly url: string;
  readonly key: string | undefined;
  readonly isJson: boolean;
  readonly positionals: readonly string[];
}

export interface Command {
  readonly name: string;
  readonly usage: string;
  /** The most it takes besides options; 0 when absent. */
  readonly mostArguments?: number;
}

/** Undefined when only help was asked for, which has then been printed. */
export function read(args: readonly string[], command: Command): Asked | undefined {
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(command.usage);
    return undefined;
  }
  const { values, positionals } = parse(args, command);
  const { RUTTER_URL, RUTTER_MASTER_KEY, LITELLM_MASTER_KEY, PORT } = process.env;
  return {
    url: values.url ?? (RUTTER_URL || `http://127.0.0.1:${PORT || 4000}`),
    key: values.key ?? (RUTTER_MASTER_KEY || LITELLM_MASTER_KEY || undefined),
    isJson: values.json ?? false,
    positionals,
  };
}

function parse(args: readonly string[], { name, mostArguments = 0 }: Command) {
  try {
    const parsed = parseArgs({ args: [...args], options: flags, allowPositionals: mostArguments > 0 });
    const extra = parsed.positionals[mostArguments];
    if (extra !== undefined) throw new Error(`Found "${extra}" after the last argument, expected nothing there.`);
    return parsed;
  } catch (error) {
    throw new RutterError('ERR_CONFIG_INVALID', `${(error as Error).message} See rutter ${name} --help.`, {
      cause: error,
    });
  }
}

interface Question {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly timeoutMs: number;
  readonly body?: object;
}

export async function ask(
  { url, key }: Asked,
  { method, path, timeoutMs, body }: Question,
): Promise<{ readonly status: number; readonly body: unknown }> {
  const headers: Record<string, string> = key === undefined ? {} : { authorization: `Bearer ${key}` };
  try {
    const reply = await request(new URL(path, url), {
      method,
      headers: body === undefined ? headers : { ...headers, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
    });
    return { status: reply.statusCode, body: await reply.body.json() };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const reason =
      code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT'
        ? `The gateway at ${url} did not answer within ${timeoutMs / 1000} seconds.`
        : `No gateway answers at ${url}: ${message || code}. Name one with --url or RUTTER_URL.`;
    throw new RutterError('ERR_CONFIG_INVALID', reason, { cause: error });
  }
}

export function refuse(status: number, body: unknown): RutterError {
  const { error } = body as { error?: { message?: string } };
  return new RutterError(
    'ERR_CONFIG_INVALID',
    `The gateway answered ${status}: ${error?.message ?? 'no message'}${status === 401 ? ' Give the master key with --key or RUTTER_MASTER_KEY.' : ''}`,
  );
}

/** A table of instances: name, kind, place, version, state and the reason for each. */
export async function listPlugins(args: readonly string[]): Promise<number> {
  const asked = read(args, commands.plugins);
  if (asked === undefined) return 0;
  const { status, body } = await ask(asked, { method: 'GET', path: '/admin/plugins', timeoutMs: askedMs });
  if (status !== 200) throw refuse(status, body);
  const { plugins, generation } = body as { generation: number; plugins: Record<string, unknown>[] };
  if (asked.isJson) process.stdout.write(`${JSON.stringify(body, undefined, 2)}\n`);
  else process.stdout.write(`generation ${generation}\n${table(plugins, pluginColumns)}`);
  return 0;
}

const pluginColumns = ['name', 'kind', 'place', 'version', 'state', 'leases', 'setupMs', 'reason', 'lastError'];

/** Rows under the names of their columns. */
export function table(rows: readonly Readonly<Record<string, unknown>>[], columns: readonly string[]): string {
  const cells = rows.map((row) => columns.map((column) => cell(row[column])));
  const widths = columns.map((column, index) =>
    Math.max(column.length, ...cells.map((line) => (line[index] as string).length)),
  );
  const line = (texts: readonly string[]) =>
    `${texts
      .map((text, index) => text.padEnd(widths[index] as number))
      .join('  ')
      .trimEnd()}\n`;
  return [columns, ...cells].map(line).join('');
}

function cell(value: unknown): string {
  if (value === undefined || value === null) return '-';
  if (typeof value === 'number') return String(Math.round(value * 10) / 10);
  return typeof value === 'object'
    ? String((value as { message?: unknown }).message ?? JSON.stringify(value))
    : String(value);
}

export async function requestReload(args: readonly string[]): Promise<number> {
  const asked = read(args, commands.reload);
  if (asked === undefined) return 0;
  const { status, body } = await ask(asked, { method: 'POST', path: '/admin/reload', timeoutMs: reloadMs });
  return tellChange(asked, { status, body });
}

/** Prints what became of a change; the exit code. */
export function tellChange(
  { isJson }: Asked,
  { status, body }: { readonly status: number; readonly body: unknown },
): number {
  if (status !== 200 && status !== 409) throw refuse(status, body);
  const { status: state, generation, reasons } = body as { status: string; generation: number; reasons: string[] };
  if (isJson) process.stdout.write(`${JSON.stringify(body, undefined, 2)}\n`);
  else process.stdout.write(`${state}: generation ${generation}\n${reasons.map((reason) => `  ${reason}\n`).join('')}`);
  return status === 409 ? 1 : 0;
}
