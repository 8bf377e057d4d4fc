/** Runs another program to its end and collects what it says, within a deadline and a bound. */
import { spawn } from 'node:child_process';

export interface ChildResult {
  /** Undefined when it was ended for taking too long. */
  readonly code: number | null | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

interface ChildOptions {
  readonly cwd: string;
  readonly timeoutMs: number;
  readonly env?: NodeJS.ProcessEnv;
}

const mostCharacters = 4_000_000;

/** Rejects only when the program cannot be started. */
export function runChild(
  command: string,
  args: readonly string[],
  { cwd, timeoutMs, env = process.env }: ChildOptions,
): Promise<ChildResult> {
  return new Promise((resolve, reject) => {
    // A group of its own, so that ending it ends what it has started too.
    const child = spawn(command, args, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    const output = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => {
        if (output[name].length < mostCharacters) output[name] += text;
      });
    }
    let isLate = false;
    const end = () => endGroup(child.pid);
    const timer = setTimeout(() => {
      isLate = true;
      end();
    }, timeoutMs);
    process.once('exit', end);
    const over = () => {
      clearTimeout(timer);
      process.off('exit', end);
    };
    child.once('error', (error) => {
      over();
      reject(error);
    });
    child.once('close', (code) => {
      over();
      resolve({ code: isLate ? undefined : code, ...output });
    });
  });
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has just ended by itself.
  }
}
