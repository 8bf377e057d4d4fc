/** Runs the `rutter` command as a user does: a process of its own, with no other environment than the one given. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { root } from '../support/index.ts';

export interface Said {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly folder: string;
  readonly env?: Readonly<Record<string, string>>;
}

export async function rutter(args: readonly string[], { folder, env = {} }: Running): Promise<Said> {
  const child = spawn(process.execPath, [join(root, 'node_modules/.bin/rutter'), ...args], {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: folder, RUTTER_LAUNCHED: '1', AWS_EC2_METADATA_DISABLED: 'true', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { stdout: '', stderr: '' };
  for (const from of ['stdout', 'stderr'] as const)
    child[from].setEncoding('utf8').on('data', (text: string) => {
      said[from] += text;
    });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, ...said };
}

export async function folderWith(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'rutter-commands-'));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  return folder;
}
