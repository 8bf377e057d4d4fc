/** Commands about changes of a running gateway: `rutter diff`, `rutter rollback`, `rutter generations`. */
import { readFile } from 'node:fs/promises';
import { RutterError } from '@rutter/plugin-sdk';
import { type Asked, ask, askedMs, read, refuse, reloadMs, table, tellChange, usage } from './remote.ts';

const commands = {
  diff: {
    name: 'diff',
    mostArguments: 1,
    usage: usage(
      'diff [FILE]',
      `Prints what a reload would start, stop and carry over, with the reason for each; nothing is changed.
With FILE, as if it stood in place of the gateway's configuration. Ends with 1 when it would be refused.`,
    ),
  },
  rollback: {
    name: 'rollback',
    mostArguments: 1,
    usage: usage(
      'rollback [N]',
      `Puts what generation N was made of in force again, or the one before when N is left out; any of the
last ten. It holds until the next change of a file, or a reload that is asked for.`,
    ),
  },
  canary: {
    name: 'canary',
    mostArguments: 1,
    usage: usage(
      'canary [promote|revert]',
      `Tells which canary runs beside the generation in force. "promote" puts it in force for everybody, "revert" ends
it; until the next change of a file, or a reload that is asked for.`,
    ),
  },
  generations: { name: 'generations', usage: usage('generations', 'Lists the last ten generations, oldest first.') },
};

interface Plan {
  readonly status: string;
  readonly generation: number;
  readonly reasons: readonly string[];
  readonly steps: readonly Readonly<Record<'action' | 'name' | 'version' | 'because', string>>[];
  readonly settings: readonly string[];
}

export async function diff(args: readonly string[]): Promise<number> {
  const asked = read(args, commands.diff);
  if (asked === undefined) return 0;
  const [file] = asked.positionals;
  const body = file === undefined ? {} : { body: { configuration: await textOf(file) } };
  const path = '/admin/reload?dry_run=true';
  const reply = await ask(asked, { method: 'POST', path, timeoutMs: reloadMs, ...body });
  if (reply.status !== 200 && reply.status !== 409) throw refuse(reply.status, reply.body);
  const plan = reply.body as Plan;
  process.stdout.write(asked.isJson ? `${JSON.stringify(plan, undefined, 2)}\n` : planText(plan));
  return reply.status === 409 ? 1 : 0;
}

const signs: Readonly<Record<string, string>> = { start: '+', stop: '-', keep: ' ' };

function planText({ status, generation, reasons, steps, settings }: Plan): string {
  const lines = [`${status}: generation ${generation} is in force`, ...reasons.map((reason) => `  ${reason}`)];
  for (const { action, name, version, because } of steps)
    lines.push(`${signs[action]} ${action.padEnd(5)} ${name} ${version}: ${because}`);
  for (const path of settings) lines.push(`~ ${path}`);
  return `${lines.join('\n')}\n`;
}

async function textOf(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new RutterError('ERR_CONFIG_INVALID', `Found no readable file ${file} (${cause.code}).`, { cause });
  });
}

export async function rollback(args: readonly string[]): Promise<number> {
  const asked = read(args, commands.rollback);
  if (asked === undefined) return 0;
  const [text] = asked.positionals;
  if (text !== undefined && !/^[1-9]\d{0,14}$/.test(text))
    throw new RutterError('ERR_CONFIG_INVALID', `Found "${text}"; expected the number of a generation.`);
  const body = text === undefined ? {} : { generation: Number(text) };
  const reply = await ask(asked, { method: 'POST', path: '/admin/rollback', timeoutMs: reloadMs, body });
  return tellHolding(asked, reply);
}

function tellHolding(asked: Asked, reply: Awaited<ReturnType<typeof ask>>): number {
  const code = tellChange(asked, reply);
  const { holds_until: until } = reply.body as { holds_until?: string };
  if (code === 0 && !asked.isJson) process.stdout.write(`It holds until ${until}.\n`);
  return code;
}

export async function canary(args: readonly string[]): Promise<number> {
  const asked = read(args, commands.canary);
  if (asked === undefined) return 0;
  const [verdict] = asked.positionals;
  if (verdict === undefined) return tellCanary(asked);
  if (verdict !== 'promote' && verdict !== 'revert')
    throw new RutterError('ERR_CONFIG_INVALID', `Found "${verdict}"; expected promote or revert.`);
  return tellHolding(
    asked,
    await ask(asked, { method: 'POST', path: `/admin/canary/${verdict}`, timeoutMs: reloadMs }),
  );
}

async function tellCanary(asked: Asked): Promise<number> {
  const { status, body } = await ask(asked, { method: 'GET', path: '/admin/plugins', timeoutMs: askedMs });
  if (status !== 200) throw refuse(status, body);
  const { generation, canary: row } = body as {
    readonly generation: number;
    readonly canary?: Readonly<Record<'generation' | 'share' | 'leases' | 'startedAt', number>>;
  };
  if (asked.isJson) process.stdout.write(`${JSON.stringify(row ?? null, undefined, 2)}\n`);
  else if (row === undefined) process.stdout.write(`generation ${generation} is in force; there is no canary\n`);
  else
    process.stdout.write(
      `generation ${generation} is in force; generation ${row.generation} serves ${row.share * 100} % of the credentials since ${new Date(row.startedAt).toISOString()}\n`,
    );
  return 0;
}

export async function generations(args: readonly string[]): Promise<number> {
  const asked = read(args, commands.generations);
  if (asked === undefined) return 0;
  const { status, body } = await ask(asked, { method: 'GET', path: '/admin/generations', timeoutMs: askedMs });
  if (status !== 200) throw refuse(status, body);
  const { generations: rows, rollback: held } = body as {
    readonly rollback?: { readonly to: number; readonly until: string };
    readonly generations: readonly { readonly startedAt: number; readonly sources: readonly string[] }[];
  };
  const shown = rows.map((row) => ({
    ...row,
    started: new Date(row.startedAt).toISOString(),
    by: row.sources.join(','),
  }));
  const columns = ['number', 'state', 'started', 'by', 'rollbackOf', 'leases'];
  const note = held ? `The composition of generation ${held.to} holds until ${held.until}.\n` : '';
  process.stdout.write(asked.isJson ? `${JSON.stringify(body, undefined, 2)}\n` : `${table(shown, columns)}${note}`);
  return 0;
}
