/**
 * Which key has signed each plugin that was met, kept in the data folder, so
 * that a signature cannot silently vanish from the next version.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { RutterError } from '@rutter/plugin-sdk';

const mostNames = 1000;

export class SignerMemory {
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  /** Id of the key; undefined for a plugin never met with a trusted signature. */
  signerOf(name: string): string | undefined {
    return this.#read().get(name);
  }

  /** Written at once and in one step: several processes may share the folder. */
  remember(name: string, key: string): void {
    const known = this.#read();
    if (known.get(name) === key) return;
    known.delete(name);
    known.set(name, key);
    const kept = Object.fromEntries([...known].slice(-mostNames));
    mkdirSync(dirname(this.#file), { recursive: true });
    const draft = `${this.#file}.${process.pid}.draft`;
    writeFileSync(draft, `${JSON.stringify(kept, undefined, 2)}\n`);
    renameSync(draft, this.#file);
  }

  /** Anew each time: another process may have written. What cannot be read is an error, not a clean slate. */
  #read(): Map<string, string> {
    let text: string;
    try {
      text = readFileSync(this.#file, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Map();
      throw new RutterError(
        'ERR_PLUGIN_INVALID',
        `${this.#file} cannot be read; it tells who has signed plugins before.`,
      );
    }
    try {
      const value: unknown = JSON.parse(text);
      if (typeof value === 'object' && value !== null && !Array.isArray(value))
        return new Map(
          Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
        );
    } catch {
      // Said below.
    }
    throw new RutterError(
      'ERR_PLUGIN_INVALID',
      `${this.#file} is no JSON object; it tells who has signed plugins before. Mend it, or delete it to begin anew.`,
    );
  }
}
