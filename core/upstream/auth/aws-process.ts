/**
 * AWS credentials from the program that a profile's `credential_process`
 * names: https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html
 *
 * It runs without a shell, in a process group of its own that is killed when
 * it has not ended in time. What it prints is never part of a message.
 */
import { spawn } from 'node:child_process';
import { RutterError } from '@rutter/plugin-sdk';
import { lived } from './aws-remote.ts';
import type { Lived } from './renewable.ts';
import type { AwsCredentials } from './sigv4.ts';

export interface ProcessRun {
  /** As the profile has it: words, quoted where they hold spaces. */
  readonly command: string;
  /** Named in messages. */
  readonly profile: string;
  readonly environment: NodeJS.ProcessEnv;
  /** 10,000 when absent. */
  readonly timeoutMs?: number;
}

const usualTimeoutMs = 10_000;
const mostOutput = 64 * 1024;

/** Throws ERR_PROVIDER_AUTHENTICATION for a program that cannot be run, fails, is late, or prints something else. */
export async function processCredentials(run: ProcessRun): Promise<Lived<AwsCredentials>> {
  const who = `The credential_process of the AWS profile "${run.profile}"`;
  const [file, ...words] = wordsOf(run.command);
  if (file === undefined) throw failure(`${who} is empty. Expected a command.`);
  const text = await outputOf(file, words, { ...run, who });
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    // Told below, without the text: it may be a credential.
  }
  const fields = (typeof found === 'object' && found !== null ? found : {}) as Record<string, unknown>;
  if (fields.Version !== 1) throw failure(`${who} printed something else than a JSON object with "Version": 1.`);
  return lived(who, { ...fields, Token: fields.SessionToken });
}

/** Words of a command line; quotes keep spaces, a backslash keeps the next character outside of single quotes. */
export function wordsOf(command: string): string[] {
  const words = command.match(/(?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'\\])+/g) ?? [];
  return words.map((word) =>
    word.replace(
      /"((?:\\.|[^"\\])*)"|'([^']*)'|\\(.)/g,
      (_, double?: string, single?: string, mark?: string) =>
        double?.replace(/\\(["\\])/g, '$1') ?? single ?? mark ?? '',
    ),
  );
}

function outputOf(file: string, words: readonly string[], run: ProcessRun & { who: string }): Promise<string> {
  const { who, environment, timeoutMs = usualTimeoutMs } = run;
  return new Promise((resolve, reject) => {
    const child = spawn(file, words, { env: environment, detached: true, stdio: ['ignore', 'pipe', 'ignore'] });
    const parts: Buffer[] = [];
    let length = 0;
    let hasEnded = false;
    const end = (error: RutterError | undefined) => {
      if (hasEnded) return;
      hasEnded = true;
      clearTimeout(deadline);
      kill(child.pid);
      child.stdout.destroy();
      if (error) reject(error);
      else resolve(Buffer.concat(parts).toString('utf8'));
    };
    const deadline = setTimeout(() => end(failure(`${who} did not end within ${timeoutMs} ms.`)), timeoutMs);
    child.stdout.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length <= mostOutput) parts.push(chunk);
      else end(failure(`${who} printed more than ${mostOutput} bytes.`));
    });
    child.once('error', ({ message }) => end(failure(`${who} cannot be run: ${message}.`)));
    child.once('close', (code, signal) =>
      end(code === 0 ? undefined : failure(`${who} ended with ${signal ?? `code ${code}`}.`)),
    );
  });
}

/** What it left running goes with it. */
function kill(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // The group has ended.
  }
}

const failure = (message: string) => new RutterError('ERR_PROVIDER_AUTHENTICATION', message);
