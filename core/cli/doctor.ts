/**
 * `rutter doctor`: what a configuration would do. It is set up as a start
 * would set it up, in a folder of its own, and listens nowhere; vendors are
 * called with `--live` only.
 */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { RutterError } from '@rutter/plugin-sdk';
import { checkDeployments } from '../admin/health.ts';
import { readConfiguration } from '../config/read.ts';
import { Kernel } from '../kernel.ts';
import { KernelLog } from '../log/log.ts';
import type { RequestPath } from '../pipeline/path.ts';
import { type Distribution, findDistribution } from '../plugins/distribution.ts';
import { checkComposition } from './check-composition.ts';
import { type DoctorReport, doctorReport, type LiveResult, refusedReport } from './doctor-report.ts';
import { doctorText } from './doctor-text.ts';
import { scratchOf } from './scratch.ts';

const usage = `Usage: rutter doctor <file> [<file> …] [options]

Tells what each model name would call, with which key and at what price, what is
missing, what has no effect, and what differs from LiteLLM. Plugins are set up as
a start would do it; nothing listens, and no vendor is called without --live.

      --live       calls every deployment once with the smallest request there is, which costs what that costs
      --timeout S  seconds that --live may take in all; 120 when absent
      --json       prints the report as JSON

Ends with 1 when the gateway would not start, when a deployment is left out or has
no key, or when one does not answer with --live.
`;

const flags = {
  live: { type: 'boolean' },
  json: { type: 'boolean' },
  timeout: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

interface Asked {
  readonly files: readonly string[];
  readonly isLive: boolean;
  readonly isJson: boolean;
  readonly timeoutMs: number;
}

export async function doctor(args: readonly string[]): Promise<number> {
  const asked = read(args);
  if (asked === undefined) {
    process.stdout.write(usage);
    return 0;
  }
  const report = await examine(asked);
  process.stdout.write(asked.isJson ? `${JSON.stringify(report, undefined, 2)}\n` : doctorText(report));
  return isWell(report) ? 0 : 1;
}

function read(args: readonly string[]): Asked | undefined {
  const fault = (message: string, cause?: unknown) =>
    new RutterError('ERR_CONFIG_INVALID', `${message} See rutter doctor --help.`, { cause });
  const parse = () => {
    try {
      return parseArgs({ args: [...args], options: flags, allowPositionals: true });
    } catch (error) {
      throw fault((error as Error).message, error);
    }
  };
  const { values, positionals } = parse();
  if (values.help) return undefined;
  if (positionals.length === 0) throw fault('No file is named.');
  const seconds = Number(values.timeout ?? '120');
  if (!(seconds > 0 && seconds <= 86_400))
    throw fault(`--timeout is "${values.timeout}"; expected a number of seconds above 0, at most 86400.`);
  return { files: positionals, isLive: values.live ?? false, isJson: values.json ?? false, timeoutMs: seconds * 1000 };
}

function isWell({ wouldStart, models, leftOut, live = [] }: DoctorReport): boolean {
  const hasKeys = models.every(({ deployments }) =>
    deployments.every(({ credential }) => credential.state !== 'missing'),
  );
  return wouldStart && hasKeys && leftOut.length === 0 && live.every(({ error }) => error === undefined);
}

async function examine({ files, isLive, timeoutMs }: Asked): Promise<DoctorReport> {
  const environment = process.env;
  const distribution = findDistribution();
  const checked = await checkComposition({
    files,
    environment,
    distribution,
    dataFolder: resolve(environment.RUTTER_DATA || 'data'),
  });
  if ('diagnostics' in checked) return refusedReport(checked.diagnostics, files);
  return withKernel({ files, distribution }, async (path, reasons) => {
    if (path === undefined)
      return refusedReport(
        [
          ...checked.warnings,
          ...reasons.map((message) => ({
            severity: 'error' as const,
            message,
            found: 'a failed start',
            expected: 'a start',
            place: nowhere(files[0] ?? ''),
          })),
        ],
        files,
      );
    const report = doctorReport(path.configuration, path, {
      warnings: checked.warnings,
      environment,
      defaultsFile: distribution?.defaultsFile,
    });
    return isLive ? { ...report, live: await callOnce(path, timeoutMs) } : report;
  });
}

const nowhere = (file: string) => ({ file, line: 1, column: 1, path: '' });

async function callOnce(path: RequestPath, timeoutMs: number): Promise<readonly LiveResult[]> {
  const found = await checkDeployments(path, { only: undefined, signal: AbortSignal.timeout(timeoutMs) });
  const called = new Set(found.map(({ id }) => id));
  const late = path.models.checkable().filter(({ settings }) => !called.has(settings.id));
  return [
    ...found.map(({ id, group, error, unasked, ms }) => ({
      id,
      group,
      ms,
      error: unasked === undefined ? error : undefined,
    })),
    ...late.map(({ deployment: { id, group } }) => ({
      id,
      group,
      error: `not called: the ${timeoutMs / 1000} seconds were over`,
    })),
  ];
}

/** Sets the composition up beside whatever runs; `path` is undefined where that fails. */
async function withKernel<T>(
  { files, distribution }: { files: readonly string[]; distribution: Distribution | undefined },
  use: (path: RequestPath | undefined, reasons: readonly string[]) => Promise<T>,
): Promise<T> {
  const environment = process.env;
  const scratch = await scratchOf(resolve(environment.RUTTER_DATA || 'data'));
  const kernel = new Kernel({
    log: new KernelLog({ level: 'error', sink: { write() {} } }),
    environment,
    dataFolder: scratch.folder,
    distribution,
    isQuiet: true,
    readConfiguration: (known, _text, remote) =>
      readConfiguration({ files, environment, ...known, defaultsFile: distribution?.defaultsFile, remote }),
  });
  try {
    const report = await kernel.reload('boot');
    return await use(report.ok ? kernel.keeper.current?.path.path : undefined, report.reasons);
  } finally {
    await kernel.stop();
    await scratch.remove();
  }
}
