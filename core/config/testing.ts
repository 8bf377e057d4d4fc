/** Reads configurations from texts in memory, for tests. */
import { type ReadOptions, readConfiguration } from './read.ts';
import type { Configuration, Diagnostic } from './types.ts';

export interface BrokenFile {
  readonly title: string;
  readonly text: string;
  /** Everything it is told of. */
  readonly finds: readonly Finding[];
  readonly starts: boolean;
  readonly environment?: NodeJS.ProcessEnv;
  readonly others?: Readonly<Record<string, string>>;
}

export interface Finding {
  readonly severity: Diagnostic['severity'];
  readonly line: number;
  readonly path: string;
  /** Part of the message. */
  readonly message: string;
}

type Surroundings = Pick<BrokenFile, 'environment' | 'others'>;

export const error = (line: number, path: string, message: string): Finding => ({
  severity: 'error',
  line,
  path,
  message,
});
export const warning = (line: number, path: string, message: string): Finding => ({
  severity: 'warning',
  line,
  path,
  message,
});

/** A file that keeps the gateway from starting. */
export function fails(
  title: string,
  text: string,
  finds: readonly Finding[],
  surroundings: Surroundings = {},
): BrokenFile {
  return { title, text, finds, starts: false, ...surroundings };
}

/** A file that only warns. */
export function starts(
  title: string,
  text: string,
  finds: readonly Finding[],
  surroundings: Surroundings = {},
): BrokenFile {
  return { title, text, finds, starts: true, ...surroundings };
}

export interface Told {
  readonly configuration: Configuration | undefined;
  readonly diagnostics: readonly Diagnostic[];
}

/** Reads `main.yaml`, or the files named, out of the texts given. */
export async function readTexts(
  texts: Readonly<Record<string, string>>,
  options: Partial<ReadOptions> = {},
): Promise<Told> {
  const result = await readConfiguration({
    files: ['main.yaml'],
    environment: {},
    knownPrefixes: ['openai', 'anthropic'],
    knownStrategies: ['simple-shuffle', 'least-busy'],
    readText: async (path) => texts[path] ?? Promise.reject(Object.assign(new Error('missing'), { code: 'ENOENT' })),
    ...options,
  });
  if ('diagnostics' in result) return { configuration: undefined, diagnostics: result.diagnostics };
  return { configuration: result.configuration, diagnostics: result.configuration.warnings };
}
