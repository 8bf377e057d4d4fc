/** `rutter check config.yaml`: tells everything that is wrong with a configuration, and starts nothing. */
import { readConfiguration } from '../config/read.ts';
import type { Diagnostic } from '../config/types.ts';

export interface CheckSurroundings {
  stdout(text: string): void;
  stderr(text: string): void;
  readonly environment: NodeJS.ProcessEnv;
  readonly knownPrefixes: readonly string[] | undefined;
  readonly knownStrategies: readonly string[] | undefined;
  readonly defaultsFile?: string | undefined;
}

const usage = `Usage: rutter check <file> [<file> …]

Reads the files as a start would, later ones over earlier ones, and prints every
problem as "file:line:column  severity  path: message (found …, expected …)".
Ends with 0 when the gateway would start, else with 1.
`;

/** The exit code: 0 where it would start, warnings or not, else 1. */
export async function check(args: readonly string[], io: CheckSurroundings): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    io.stdout(usage);
    return 0;
  }
  const option = args.find((arg) => arg.startsWith('-'));
  if (args.length === 0 || option !== undefined) {
    io.stderr(`${option === undefined ? 'No file is named.' : `The option "${option}" is not known.`}\n\n${usage}`);
    return 1;
  }
  const { environment, knownPrefixes, knownStrategies, defaultsFile } = io;
  const result = await readConfiguration({ files: args, environment, knownPrefixes, knownStrategies, defaultsFile });
  const diagnostics = 'configuration' in result ? result.configuration.warnings : result.diagnostics;
  io.stdout([...diagnostics.map(formatDiagnostic), summary(result, diagnostics), ''].join('\n'));
  return 'configuration' in result ? 0 : 1;
}

/** One line for one diagnostic. */
export function formatDiagnostic({ severity, message, found, expected, place }: Diagnostic): string {
  const path = place.path === '' ? '' : `${place.path}: `;
  return `${place.file}:${place.line}:${place.column}  ${severity}  ${path}${message} (found ${found}, expected ${expected})`;
}

function summary(result: Awaited<ReturnType<typeof readConfiguration>>, diagnostics: readonly Diagnostic[]): string {
  const errors = diagnostics.filter(({ severity }) => severity === 'error').length;
  const counts = `${count(errors, 'error')}, ${count(diagnostics.length - errors, 'warning')}`;
  if (!('configuration' in result)) return `It would not start: ${counts}.`;
  const { deployments, files } = result.configuration;
  return `It would start: ${counts}; ${count(deployments.length, 'deployment')} from ${count(files.length, 'file')}.`;
}

const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`;
