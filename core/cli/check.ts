/** `rutter check config.yaml`: tells everything that is wrong with a configuration, and sets nothing up. */
import type { Configuration, Diagnostic } from '../config/types.ts';

export type CheckResult =
  | { readonly configuration: Configuration; readonly warnings: readonly Diagnostic[] }
  | { readonly diagnostics: readonly Diagnostic[] };

export interface CheckSurroundings {
  stdout(text: string): void;
  stderr(text: string): void;
  /** Everything that is wrong, as a start would find it. */
  read(files: readonly string[]): Promise<CheckResult>;
  readonly defaultsFile?: string | undefined;
}

const usage = `Usage: rutter check <file> [<file> …]

Reads the files as a start would, later ones over earlier ones, with the plugins
they call for and the options of each, and prints every problem as "file:line:column  severity  path: message (found …, expected …)".
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
  const result = await io.read(args);
  const diagnostics = 'configuration' in result ? result.warnings : result.diagnostics;
  io.stdout([...diagnostics.map(formatDiagnostic), summary(result, diagnostics, io.defaultsFile), ''].join('\n'));
  return 'configuration' in result ? 0 : 1;
}

/** One line for one diagnostic. */
function formatDiagnostic({ severity, message, found, expected, place }: Diagnostic): string {
  const path = place.path === '' ? '' : `${place.path}: `;
  return `${place.file}:${place.line}:${place.column}  ${severity}  ${path}${message} (found ${found}, expected ${expected})`;
}

/** The embedded defaults are nobody's file, and are not counted. */
function summary(result: CheckResult, diagnostics: readonly Diagnostic[], defaultsFile: string | undefined): string {
  const errors = diagnostics.filter(({ severity }) => severity === 'error').length;
  const counts = `${count(errors, 'error')}, ${count(diagnostics.length - errors, 'warning')}`;
  if (!('configuration' in result)) return `It would not start: ${counts}.`;
  const { deployments } = result.configuration;
  const files = result.configuration.files.filter((file) => file !== defaultsFile);
  return `It would start: ${counts}; ${count(deployments.length, 'deployment')} from ${count(files.length, 'file')}.`;
}

const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`;
