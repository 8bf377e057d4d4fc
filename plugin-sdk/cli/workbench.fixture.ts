/** For the tests of the command: runs it in this process, in a folder of its own outside of any checkout. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { runProgram } from './program.ts';

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface Workbench {
  readonly folder: string;
  run(...args: string[]): Promise<Ran>;
  write(files: Readonly<Record<string, string | object>>): void;
  read(file: string): string;
  /** Every file and its content. */
  all(path: string): Readonly<Record<string, string>>;
  remove(): void;
}

export function workbench(): Workbench {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'rutter-cli-')));
  return {
    folder,
    async run(...args) {
      let out = '';
      let err = '';
      const terminal = {
        cwd: folder,
        out(text: string) {
          out += text;
        },
        err(text: string) {
          err += text;
        },
      };
      const code = await runProgram(args, terminal);
      return { code, out, err };
    },
    write(files) {
      for (const [name, content] of Object.entries(files)) {
        mkdirSync(dirname(join(folder, name)), { recursive: true });
        writeFileSync(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content));
      }
    },
    read: (file) => readFileSync(join(folder, file), 'utf8'),
    all(path) {
      const names = readdirSync(join(folder, path), { recursive: true, withFileTypes: true });
      const files = names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
      return Object.fromEntries(files.map((file) => [file, readFileSync(file, 'utf8')]));
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
