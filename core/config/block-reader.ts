/**
 * Reads a block of keys by its description in the table, and reports what the
 * table does not know, what has the wrong type, and what has no effect yet.
 */

import { type Key, type KeyBlock, keyIn } from './keys/key.ts';
import { blockNamed, blocks } from './keys.ts';
import { guessesIn, nearestName, slipsIn, suggestion } from './nearest.ts';
import type { Report } from './report.ts';
import { describe, describeName } from './secrets.ts';
import { type Block, type Entry, entryOf, formatPath, isUnset, type Path, type Tree } from './tree.ts';
import type { Diagnostic } from './types.ts';
import { coerce } from './values.ts';

type Severity = Diagnostic['severity'];

/** What a block says: values by key, coerced; keys without a value are absent. */
export interface ReadBlock {
  readonly tree: Block;
  readonly path: Path;
  readonly values: ReadonlyMap<string, unknown>;
  /** Keys that an open block has beyond its description. */
  readonly others: ReadonlyMap<string, Entry>;
  /** Whether something in it, or in a block inside it, is of the wrong type. */
  readonly isFaulty: boolean;
}

export interface ReadOptions {
  readonly path: Path;
  /** Of wrong types in honoured keys; in others they are warnings. */
  readonly severity: Severity;
  /** In words, put after each message about a wrong type: what becomes of the block. */
  readonly consequence?: string;
}

interface Reading extends ReadOptions {
  readonly description: KeyBlock;
  readonly values: Map<string, unknown>;
  readonly others: Map<string, Entry>;
  isFaulty: boolean;
}

export class BlockReader {
  readonly #report: Report;
  readonly #toldLater = new Set<Key>();

  constructor(report: Report) {
    this.#report = report;
  }

  read(name: string, tree: Block, options: ReadOptions): ReadBlock {
    const reading: Reading = {
      ...options,
      description: blockNamed(name),
      values: new Map(),
      others: new Map(),
      isFaulty: false,
    };
    for (const [key, entry] of tree.entries) {
      const known = keyIn(reading.description, key);
      if (known === undefined) this.#unknown(reading, key, entry);
      else this.#known(reading, known, { name: key, entry });
    }
    const { path, values, others, isFaulty } = reading;
    return { tree, path, values, others, isFaulty };
  }

  #known(reading: Reading, key: Key, { name, entry }: { name: string; entry: Entry }): void {
    const path = [...reading.path, name];
    if (isUnset(entry.value)) {
      this.#unset(reading, key, { path, entry });
      return;
    }
    if (key.fate === 'refused') {
      this.#refuse(reading, key, { path, entry });
      return;
    }
    this.#tellLater(key, path, entry);
    const coerced = coerce(key, entry.value, path);
    if ('value' in coerced) {
      if (coerced.value !== undefined)
        reading.values.set(name, this.#inside(reading, key, { path, value: coerced.value }));
      return;
    }
    const { problem } = coerced;
    const isFault = key.fate !== 'later';
    if (isFault) reading.isFaulty = true;
    const message = isFault ? problem.message + (reading.consequence ?? '') : problem.message;
    this.#report.refuse(severityOf(key, reading), problem.path, { ...problem, message });
  }

  #unset(reading: Reading, key: Key, { path, entry }: { path: Path; entry: Entry }): void {
    if (key.needsValue !== true) return;
    reading.isFaulty = true;
    // A missing variable has been told of where references are resolved, as an error if it is one.
    const isReference = entry.value.kind === 'leaf' && entry.value.reference !== undefined;
    if (isReference && reading.severity === 'error') return;
    this.#report.add({
      severity: reading.severity,
      path,
      spot: entry.spot,
      message: `The key stands without a value.${reading.consequence ?? ''}`,
      found: 'nothing',
      expected: 'a value, or no such key',
    });
  }

  /** Goes into a block or a block of blocks; other values are as they are. */
  #inside(reading: Reading, key: Key, { path, value }: { path: Path; value: unknown }): unknown {
    if (key.type !== 'block' && key.type !== 'block-map') return value;
    const severity = severityOf(key, reading);
    const read = (tree: Block, at: Path) => {
      const inner = this.read(key.block ?? '', tree, { ...reading, path: at, severity });
      if (inner.isFaulty) reading.isFaulty = true;
      return inner;
    };
    if (key.type === 'block') return read(value as Block, path);
    const inner = new Map<string, ReadBlock>();
    for (const [name, entry] of (value as Block).entries) {
      if (entry.value.kind === 'block') inner.set(name, read(entry.value, [...path, name]));
      else if (!isUnset(entry.value)) {
        this.#report.refuse(severity, [...path, name], {
          tree: entry.value,
          message: 'The value is not a block of keys.',
          expected: 'a block of keys',
        });
      }
    }
    return inner;
  }

  #refuse(reading: Reading, key: Key, { path, entry }: { path: Path; entry: Entry }): void {
    reading.isFaulty = true;
    this.#report.add({
      severity: 'error',
      path,
      spot: entry.spot,
      message: `"${describeName(String(path.at(-1)))}" is refused: ${key.reason}.`,
      found: describe(entry.value, path),
      expected: 'no such key',
    });
  }

  #tellLater(key: Key, path: Path, { value, spot }: Entry): void {
    const isOff = value.kind === 'leaf' && value.value === false && key.asksWhenFalse !== true;
    const isEmpty = value.kind !== 'leaf' && (value.kind === 'list' ? value.items.length : value.entries.size) === 0;
    if (key.fate !== 'later' || isOff || isEmpty || this.#toldLater.has(key)) return;
    this.#toldLater.add(key);
    const name = String(path.at(-1));
    this.#report.add({
      severity: 'warning',
      path,
      spot,
      message:
        key.owner === undefined
          ? `"${describeName(name)}" is not honoured yet; it has no effect.`
          : `"${describeName(name)}" is not honoured yet; it has no effect: it belongs to ${key.owner}.`,
      found: describe(value, path),
      expected: 'no such key, or nothing that relies on it',
      about: { topic: 'ignored', subject: formatPath(path) },
    });
  }

  #unknown(reading: Reading, name: string, entry: Entry): void {
    const { description, path } = reading;
    if (description.open) reading.others.set(name, entry);
    const nearest = nearestName(
      name,
      Object.keys(description.keys),
      description.open ? slipsIn(name) : guessesIn(name),
    );
    if (description.open && nearest === undefined) return;
    const home = description.open ? undefined : homeOf(name);
    this.#report.add({
      severity: isLostMasterKey(name, nearest, entry.value) ? 'error' : 'warning',
      path: [...path, name],
      spot: entry.spot,
      message: `The key "${describeName(name)}" is not known here.${home === undefined ? suggestion(nearest) : ` It belongs into ${home}.`}`,
      found: describeName(name),
      expected: nearest ?? 'a known key',
    });
  }
}

function severityOf(key: Key, reading: Reading): Severity {
  return key.fate === 'honoured' ? reading.severity : 'warning';
}

/** The block that knows the key, when it stands in the wrong one. */
function homeOf(name: string): string | undefined {
  const homes = ['general_settings', 'router_settings', 'litellm_settings', 'litellm_params', 'model_info'] as const;
  if (Object.hasOwn(blocks.root.keys, name)) return 'the top level of the file';
  return homes.find((home) => Object.hasOwn(blocks[home].keys, name));
}

/** A master key in the wrong place, or under a misspelt name, would leave the gateway open: that must not start. */
function isLostMasterKey(name: string, nearest: string | undefined, value: Tree): boolean {
  return name === 'master_key' || nearest === 'master_key' || entryOf(value, 'master_key') !== undefined;
}
