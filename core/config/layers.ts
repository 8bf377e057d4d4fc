/**
 * Reads the files that make up a configuration and lays them over one another.
 *
 * Layers (the defaults, then each file given) are merged key by key. An
 * included file stands where it is named: its lists go on with those of the
 * including file, its other keys replace whole blocks, as LiteLLM does it.
 */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { RutterError } from '@rutter/plugin-sdk';
import { besideAddress, isAddress } from '../sources/address.ts';
import { References } from './environment.ts';
import type { Report } from './report.ts';
import { mostBytes, parseText } from './syntax.ts';
import {
  type Block,
  type Entry,
  entryOf,
  formatPath,
  isUnset,
  type List,
  type Path,
  type Spot,
  type Tree,
  without,
} from './tree.ts';
import type { Place } from './types.ts';

const mostFiles = 32;

export interface LayerOptions {
  readonly files: readonly string[];
  readonly defaultsFile: string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly readText: (path: string) => Promise<string>;
  /** Reads a file by its address; undefined while it is not known how: addresses are passed over then. */
  readonly readAddress: ((address: string, place: Place) => Promise<RemoteText>) | undefined;
  readonly report: Report;
}

export interface RemoteText {
  readonly text: string;
  /** Why it is not what stands at the address now. */
  readonly warning: string | undefined;
}

export interface Layers {
  /** Undefined when no file could be read. */
  readonly root: Block | undefined;
  readonly files: readonly string[];
  /** Digest of the texts. */
  readonly digest: string;
  /** Whether files were named by addresses. */
  readonly hasAddresses: boolean;
}

interface From {
  readonly path: Path;
  readonly spot: Spot;
}

export async function readLayers(options: LayerOptions): Promise<Layers> {
  const reader = new LayerReader(options);
  const layers: Block[] = [];
  const defaults = options.defaultsFile;
  for (const file of defaults === undefined ? options.files : [defaults, ...options.files]) {
    const layer = await reader.file(file, undefined, []);
    if (layer !== undefined) layers.push(layer);
  }
  const root = layers.reduce<Block | undefined>((base, over) => {
    return base === undefined ? over : mergeLayer(base, over, { isDefaults: base.spot.file === defaults, path: [] });
  }, undefined);
  return { root, files: reader.files, digest: reader.digest(), hasAddresses: reader.hasAddresses };
}

class LayerReader {
  readonly #options: LayerOptions;
  readonly #read = new Map<string, string>();
  readonly #digest = createHash('sha256');
  hasAddresses = false;

  constructor(options: LayerOptions) {
    this.#options = options;
  }

  get files(): readonly string[] {
    return [...this.#read.values()];
  }

  digest(): string {
    return this.#digest.copy().digest('hex');
  }

  /** A file with all it includes; undefined when it cannot be read, which has then been reported. */
  async file(file: string, from: From | undefined, open: readonly string[]): Promise<Block | undefined> {
    const at: From = from ?? { path: [], spot: { file, line: 1, column: 1 } };
    const identity = isAddress(file) ? file : resolve(file);
    if (open.includes(identity))
      return this.#refuse('error', at, [
        'The file includes itself.',
        [...open, identity].slice(open.indexOf(identity)).join(' → '),
        'no circle',
      ]);
    if (this.#read.has(identity))
      return this.#refuse('warning', at, [
        'The file has been read before; it is not read again.',
        file,
        'each file once',
      ]);
    if (this.#read.size >= mostFiles)
      return this.#refuse('error', at, ['There are too many files.', `more than ${mostFiles}`, `at most ${mostFiles}`]);
    this.#read.set(identity, file);
    const text = await this.#text(file, at);
    if (text === undefined) return undefined;
    this.#digest.update(`${file}\n${text.length}\n${text}\n`);
    const block = parseText(file, text, this.#options.report);
    return block === undefined ? undefined : await this.#withIncluded(block, file, [...open, identity]);
  }

  async #text(file: string, at: From): Promise<string | undefined> {
    if (isAddress(file)) return this.#remoteText(file, at);
    try {
      return await this.#options.readText(file);
    } catch (error) {
      const [message, found] = failureOf(error);
      return this.#refuse('error', at, [message, `${file}: ${found}`, 'a file that can be read']);
    }
  }

  async #remoteText(address: string, at: From): Promise<string | undefined> {
    const { readAddress, report } = this.#options;
    this.hasAddresses = true;
    if (readAddress === undefined) return undefined;
    const place = { ...at.spot, path: formatPath(at.path) };
    try {
      const { text, warning } = await readAddress(address, place);
      if (warning !== undefined)
        report.add({ severity: 'warning', ...at, message: warning, found: address, expected: 'a source that answers' });
      return text;
    } catch (error) {
      const { code, message: said } = RutterError.from(error);
      const [message, found] = error instanceof TypeError ? failureOf(error) : [said, code];
      return this.#refuse('error', at, [message, `${address}: ${found}`, 'a file that its source gives']);
    }
  }

  /** Relative to the file that names it, be it here or in a source. */
  #located(name: string, file: string, at: From): string | undefined {
    if (isAddress(name)) return name;
    if (!isAddress(file)) return isAbsolute(name) ? name : join(dirname(file), name);
    try {
      return besideAddress(file, name);
    } catch {
      return this.#refuse('error', at, [
        'A file of a source includes what is not in its bucket.',
        name,
        'an address, or a name beside it',
      ]);
    }
  }

  async #withIncluded(block: Block, file: string, open: readonly string[]): Promise<Block> {
    const include = entryOf(block, 'include');
    let merged = without(block, ['include']);
    for (const { name, ...at } of include === undefined ? [] : this.#included(include)) {
      const located = this.#located(name, file, at);
      const included = located === undefined ? undefined : await this.file(located, at, open);
      if (included !== undefined) merged = this.#include(merged, included, at);
    }
    return merged;
  }

  #included(include: Entry): readonly ({ readonly name: string } & From)[] {
    // Variables that a file sets are known only when all files have been read.
    const references = new References(this.#options.environment, this.#options.report);
    const tree = references.resolve(include.value, ['include']);
    if (isUnset(tree)) return [];
    const items = tree.kind === 'list' ? tree.items : [tree];
    return items.flatMap((item, index) => {
      const path = tree.kind === 'list' ? ['include', index] : ['include'];
      if (item.kind === 'leaf' && typeof item.value === 'string' && item.value !== '')
        return [{ name: item.value, path, spot: item.spot }];
      if (!isUnset(item))
        this.#options.report.refuse('error', path, {
          tree: item,
          message: 'The name of a file to include is not a text.',
          expected: 'a path',
        });
      return [];
    });
  }

  #include(base: Block, included: Block, at: From): Block {
    const entries = new Map(base.entries);
    for (const [key, entry] of included.entries) {
      const earlier = base.entries.get(key);
      if (earlier?.value.kind === 'list' && entry.value.kind === 'list') {
        entries.set(key, { spot: earlier.spot, value: joined(earlier.value, entry.value) });
        continue;
      }
      if (earlier !== undefined) this.#tellReplaced(key, { earlier, entry, at });
      entries.set(key, entry);
    }
    return { ...base, entries };
  }

  #tellReplaced(key: string, { earlier, entry, at }: { earlier: Entry; entry: Entry; at: From }): void {
    if (earlier.value.kind !== 'block') return;
    const lost = [...earlier.value.entries.keys()].filter((name) => entryOf(entry.value, name) === undefined);
    if (lost.length === 0) return;
    this.#options.report.add({
      severity: key === 'general_settings' && lost.includes('master_key') ? 'error' : 'warning',
      path: [key],
      spot: earlier.spot,
      message: `"${key}" of ${entry.spot.file} replaces this block, so that ${lost.slice(0, 8).join(', ')} is lost.`,
      found: `the same key on line ${entry.spot.line} of a file included on line ${at.spot.line}`,
      expected: 'each block in one file, or all its keys in the included one',
    });
  }

  #refuse(
    severity: 'error' | 'warning',
    { path, spot }: From,
    [message, found, expected]: readonly [string, string, string],
  ): undefined {
    this.#options.report.add({ severity, path, spot, message, found, expected });
    return undefined;
  }
}

function joined(base: List, over: List): List {
  return { ...base, items: [...base.items, ...over.items] };
}

interface Merging {
  readonly isDefaults: boolean;
  readonly path: Path;
}

/** Blocks key by key; lists go on, except that those of the defaults are replaced. Plugins always go on: they override by name. */
function mergeLayer(base: Block, over: Block, { isDefaults, path }: Merging): Block {
  const entries = new Map<string, Entry>(base.entries);
  for (const [key, entry] of over.entries) {
    const earlier = entries.get(key);
    const merging = { isDefaults, path: [...path, key] };
    entries.set(
      key,
      earlier === undefined ? entry : { spot: entry.spot, value: mergeValue(earlier.value, entry.value, merging) },
    );
  }
  return { ...over, entries };
}

function mergeValue(base: Tree, over: Tree, merging: Merging): Tree {
  if (base.kind === 'block' && over.kind === 'block') return mergeLayer(base, over, merging);
  const isPlugins = merging.path.length === 1 && merging.path[0] === 'plugins';
  if (base.kind === 'list' && over.kind === 'list' && (isPlugins || !merging.isDefaults)) return joined(base, over);
  return base.kind !== 'leaf' && isUnset(over) ? base : over;
}

const failures: Readonly<Record<string, readonly [string, string]>> = {
  ENOENT: ['The file does not exist.', 'no such file'],
  EISDIR: ['The path names a folder.', 'a folder'],
  EACCES: ['The file may not be read.', 'no permission'],
  ERR_ENCODING_INVALID_ENCODED_DATA: ['The file cannot be read as text.', 'bytes that are not UTF-8'],
  ENOTDIR: ['The file does not exist.', 'a file where a folder was expected'],
};

function failureOf(error: unknown): readonly [string, string] {
  const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
  return (
    failures[code] ??
    (error instanceof TooLarge
      ? ['The file is too large.', `more than ${mostBytes} bytes`]
      : ['The file cannot be read as text.', code || 'no reason given'])
  );
}

class TooLarge extends Error {}

/** Reads a file as UTF-8; never more of it than may be used. */
export async function readTextFile(path: string): Promise<string> {
  await using handle = await open(path, 'r');
  const bytes = Buffer.allocUnsafe(mostBytes + 1);
  let length = 0;
  for (;;) {
    const { bytesRead } = await handle.read(bytes, length, bytes.length - length, null);
    length += bytesRead;
    if (length > mostBytes) throw new TooLarge();
    if (bytesRead === 0) break;
  }
  return new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, length));
}
