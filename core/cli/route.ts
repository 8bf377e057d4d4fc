/** `rutter route`: tells which deployment a question would go to, and why; nothing is called. */
import { parseArgs } from 'node:util';
import { type Decision, type Principal, RutterError } from '@rutter/plugin-sdk';
import { decide as dryRun } from '../admin/dry-run.ts';
import { Kernel } from '../kernel.ts';
import { KernelLog } from '../log/log.ts';
import { Facts } from '../pipeline/facts.ts';
import { kernelOptions } from './given.ts';
import { readServeOptions } from './options.ts';
import { table } from './remote.ts';

const usage = `Usage: rutter route "QUESTION" [options]

Tells which deployment a question would go to, and why. Nothing is called: of latency and load, which only a
running gateway knows, every deployment has none.

  -c, --config FILE  configuration; LITELLM_CONFIG_PATH when absent, else composed from the environment
  -m, --model NAME   the model asked for; auto when absent
      --json         prints the decision as JSON
`;

const flags = {
  config: { type: 'string', short: 'c' },
  model: { type: 'string', short: 'm' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

const operator: Principal = { id: 'command', kind: 'admin', permissions: ['*'] };

export async function route(args: readonly string[]): Promise<number> {
  const { values, positionals } = parse(args);
  const [question, extra] = positionals;
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  if (question === undefined || extra !== undefined)
    throw new RutterError(
      'ERR_CONFIG_INVALID',
      `Found ${positionals.length} questions, expected one, in quotes. See rutter route --help.`,
    );
  const model = values.model ?? 'auto';
  const decision = await decide(values.config, { model, messages: [{ role: 'user', content: question }] });
  process.stdout.write(values.json ? `${JSON.stringify(decision, undefined, 2)}\n` : told(decision));
  return 0;
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: flags, allowPositionals: true });
  } catch (error) {
    throw new RutterError('ERR_CONFIG_INVALID', `${(error as Error).message} See rutter route --help.`, {
      cause: error,
    });
  }
}

async function decide(config: string | undefined, body: Readonly<Record<string, unknown>>): Promise<Decision> {
  const { kernel: given } = await kernelOptions(
    readServeOptions(config === undefined ? [] : ['--config', config], process.env),
  );
  // What is told goes to standard output alone: what a plugin has to complain of, beside it.
  const log = new KernelLog({ level: 'warn', sink: { write: (text) => process.stderr.write(text) } });
  const kernel = new Kernel({ ...given, log, isQuiet: true });
  try {
    const report = await kernel.keeper.apply({ source: 'command' });
    const current = kernel.keeper.current;
    if (!report.ok || current === undefined)
      throw new RutterError(
        'ERR_CONFIG_INVALID',
        `A decision needs a configuration that starts:\n${report.reasons.join('\n')}`,
      );
    const facts = new Facts({ method: 'POST', path: '/router/route', headers: {}, on: current.path.path });
    facts.principal = operator;
    return await dryRun(facts, body);
  } finally {
    await kernel.stop();
  }
}

const columns = ['deployment', 'group', 'model', 'score', 'quality', 'cost USD'];

const digits = (value: number | undefined) => (value === undefined ? undefined : String(Number(value.toPrecision(4))));

function told({ group, chosen, reason, strategies, silent, candidates, ...decision }: Decision): string {
  const lines = [`${group} goes to ${chosen}: ${reason}, in ${decision.microseconds} us`];
  for (const { name, version, artefact, reason: why } of strategies)
    lines.push(`  ${name} ${version}${artefact ? `, artefact ${artefact}` : ''}${why ? `: ${why}` : ''}`);
  for (const { name, version, reason: why } of silent) lines.push(`  ${name} ${version} left it to others: ${why}`);
  const rows = candidates.map(({ provider, model, score, quality, costUsd, ...candidate }) => ({
    ...{ ...candidate, model: `${provider}/${model}` },
    ...{ score: digits(score), quality: digits(quality), 'cost USD': digits(costUsd) },
  }));
  const more = decision.candidatesLeftOut > 0 ? `and ${decision.candidatesLeftOut} more\n` : '';
  return `${lines.join('\n')}\n\n${table(rows, columns)}${more}`;
}
