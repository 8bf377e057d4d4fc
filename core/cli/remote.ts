/** Commands that ask a running gateway: `rutter plugins`, `rutter reload`. */
import { parseArgs } from 'node:util';
import { RutterError } from '@rutter/plugin-sdk';
import { request } from 'undici';

const flags = { url: { type: 'string' }, key: { type: 'string' }, json: { type: 'boolean' } } as const;
const askedMs = 30_000;

interface Asked {
  readonly url: string;
  readonly key: string | undefined;
  readonly isJson: boolean;
}

function read(args: readonly string[]): Asked {
  const { values } = parseArgs({ args: [...args], options: flags, allowPositionals: false });
  const { RUTTER_URL, RUTTER_MASTER_KEY, LITELLM_MASTER_KEY, PORT = '4000' } = process.env;
  return {
    url: values.url ?? RUTTER_URL ?? `http://127.0.0.1:${PORT}`,
    key: values.key ?? RUTTER_MASTER_KEY ?? LITELLM_MASTER_KEY,
    isJson: values.json ?? false,
  };
}

async function ask(
  asked: Asked,
  method: 'GET' | 'POST',
  path: string,
): Promise<{ readonly status: number; readonly body: unknown }> {
  const headers: Record<string, string> = asked.key === undefined ? {} : { authorization: `Bearer ${asked.key}` };
  try {
    const reply = await request(new URL(path, asked.url), {
      method,
      headers,
      headersTimeout: askedMs,
      bodyTimeout: askedMs,
    });
    return { status: reply.statusCode, body: await reply.body.json() };
  } catch (error) {
    throw new RutterError(
      'ERR_CONFIG_INVALID',
      `No gateway answers at ${asked.url}: ${(error as Error).message} Name one with --url or RUTTER_URL.`,
      { cause: error },
    );
  }
}

function refuse(status: number, body: unknown): RutterError {
  const { error } = body as { error?: { message?: string } };
  return new RutterError(
    'ERR_CONFIG_INVALID',
    `The gateway answered ${status}: ${error?.message ?? 'no message'}${status === 401 ? ' Give the master key with --key or RUTTER_MASTER_KEY.' : ''}`,
  );
}

/** A table of instances: name, kind, place, version, state and the reason for each. */
export async function listPlugins(args: readonly string[]): Promise<number> {
  const asked = read(args);
  const { status, body } = await ask(asked, 'GET', '/admin/plugins');
  if (status !== 200) throw refuse(status, body);
  const { plugins, generation } = body as { generation: number; plugins: Record<string, unknown>[] };
  if (asked.isJson) process.stdout.write(`${JSON.stringify(body, undefined, 2)}\n`);
  else process.stdout.write(`generation ${generation}\n${table(plugins)}`);
  return 0;
}

const columns = ['name', 'kind', 'place', 'version', 'state', 'leases', 'setupMs', 'reason', 'lastError'] as const;

function table(rows: readonly Record<string, unknown>[]): string {
  const cells = rows.map((row) => columns.map((column) => cell(row[column])));
  const widths = columns.map((column, index) =>
    Math.max(column.length, ...cells.map((line) => (line[index] as string).length)),
  );
  const line = (texts: readonly string[]) =>
    `${texts
      .map((text, index) => text.padEnd(widths[index] as number))
      .join('  ')
      .trimEnd()}\n`;
  return [columns as readonly string[], ...cells].map(line).join('');
}

function cell(value: unknown): string {
  if (value === undefined || value === null) return '-';
  if (typeof value === 'number') return String(Math.round(value * 10) / 10);
  return typeof value === 'object'
    ? String((value as { message?: unknown }).message ?? JSON.stringify(value))
    : String(value);
}

export async function requestReload(args: readonly string[]): Promise<number> {
  const { status, body } = await ask(read(args), 'POST', '/admin/reload');
  if (status !== 200 && status !== 409) throw refuse(status, body);
  const { status: state, generation, reasons } = body as { status: string; generation: number; reasons: string[] };
  process.stdout.write(`${state}: generation ${generation}\n${reasons.map((reason) => `  ${reason}\n`).join('')}`);
  return status === 409 ? 1 : 0;
}
