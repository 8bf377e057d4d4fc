/** The README's code blocks, and a place to run them in as its reader would. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { endAfterFile, root } from '../support/index.ts';

export interface Block {
  readonly language: string;
  readonly text: string;
}

/** Every fenced block, in order. */
export const blocksOf = (text: string): readonly Block[] =>
  [...text.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(([, language = '', block = '']) => ({ language, text: block }));

export const readmeBlocks = async (): Promise<readonly Block[]> =>
  blocksOf(await readFile(join(root, 'README.md'), 'utf8'));

/** The only block of a language that holds a text; throws when there is none, or more than one. */
export function blockWith(blocks: readonly Block[], language: string, part: string): string {
  const found = blocks.filter((block) => block.language === language && block.text.includes(part));
  if (found.length !== 1) throw new Error(`${found.length} ${language} blocks hold "${part}"; expected one.`);
  return found[0]?.text ?? '';
}

const notTheirs = new Set(['.git', 'data', 'reports', 'coverage']);

export interface Checkout {
  readonly folder: string;
  write(name: string, text: string): Promise<void>;
  /** Runs a line of shell; the output of both kinds. Throws with it when the line fails. */
  run(line: string, env?: Readonly<Record<string, string>>): Promise<string>;
}

/** A folder that holds what the repository holds, to add files to. */
export async function makeCheckout(): Promise<Checkout> {
  const folder = await mkdtemp(join(tmpdir(), 'rutter-readme-'));
  endAfterFile(() => rm(folder, { recursive: true, force: true }));
  for (const name of await readdir(root)) if (!notTheirs.has(name)) await symlink(join(root, name), join(folder, name));
  return {
    folder,
    async write(name, text) {
      await mkdir(dirname(join(folder, name)), { recursive: true });
      await writeFile(join(folder, name), text);
    },
    async run(line, env = {}) {
      const options = { cwd: folder, env: { PATH: process.env.PATH, HOME: folder, ...env } };
      const { stdout, stderr } = await promisify(execFile)('sh', ['-ec', line], options).catch((error) => {
        throw new Error(`${line}\nended with ${error.code}:\n${error.stdout}${error.stderr}`);
      });
      return stdout + stderr;
    },
  };
}
