/**
 * Reads the text of one file into a tree with places.
 *
 * The parser's own messages are not passed on: some quote the text at fault,
 * which may be a key. Work is bounded by size, depth and number of values, the
 * last counted after aliases are followed.
 */
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type Scalar,
  type YAMLError,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import type { Report } from './report.ts';
import { describeName, isSecretPath } from './secrets.ts';
import { syntaxMessage } from './syntax-messages.ts';
import type { Block, Entry, Leaf, List, Path, Spot, Tree } from './tree.ts';

export const mostBytes = 4 * 1024 * 1024;
const mostDepth = 64;
const mostValues = 400_000;

const mostProblems = 50;
const shownDepth = 8;
const sensibleKey = /^[\w.*/-]{1,64}$/;
const refusedKeys = new Set(['__proto__', 'constructor', 'prototype']);

/** The file's root block; undefined when it has none, which has then been reported. */
export function parseText(file: string, text: string, report: Report): Block | undefined {
  const start: Spot = { file, line: 1, column: 1 };
  const fail = (message: string, found: string, expected: string) => {
    report.add({ severity: 'error', path: [], spot: start, message, found, expected });
    return undefined;
  };
  const bytes = Buffer.byteLength(text);
  if (bytes > mostBytes) return fail('The file is too large.', `${bytes} bytes`, `at most ${mostBytes} bytes`);
  if (text.includes('\u0000')) return fail('This is not a text file.', 'a zero byte', 'YAML text');
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: false,
    stringKeys: true,
    logLevel: 'error',
  });
  const reader = new Reader({ file, lines, report });
  for (const problem of worthTelling(document)) {
    const severity = problem.code === 'TAG_RESOLVE_FAILED' ? 'warning' : 'error';
    const path = problem.code === 'MULTIPLE_DOCS' ? [] : pathAt(document.contents, problem.pos[0]).slice(0, shownDepth);
    report.add({ severity, path, spot: reader.spotAt(problem.pos[0]), ...syntaxMessage(problem, text) });
  }
  if (document.errors.length > 0) return undefined;
  if (document.contents === null || (isScalar(document.contents) && document.contents.value === null)) {
    return fail(
      'The file is blank, which is never taken as no configuration.',
      'nothing but white space and comments',
      'keys such as "model_list:"',
    );
  }
  const tree = reader.tree(document.contents, []);
  if (tree === undefined || reader.isExhausted) return undefined;
  if (tree.kind === 'block') return tree;
  return fail(
    'The file does not hold a block of keys.',
    tree.kind === 'list' ? 'a list' : 'a single value',
    'keys such as "model_list:"',
  );
}

/** One slip makes the parser stumble many times; the first ones tell what it was. */
function worthTelling({ errors, warnings }: Pick<Document, 'errors' | 'warnings'>): readonly YAMLError[] {
  const exhausted = errors.find(({ code }) => code === 'RESOURCE_EXHAUSTION');
  return exhausted === undefined ? [...errors.slice(0, mostProblems), ...warnings.slice(0, mostProblems)] : [exhausted];
}

/** Path of the innermost value around an offset. */
function pathAt(node: unknown, offset: number): Path {
  if (isMap(node)) {
    for (const { key, value } of node.items.toReversed()) {
      if (!isScalar(key) || startOf(key) > offset) continue;
      // A key right where it went wrong may be one with its value, for want of a colon.
      if ((key.range?.[1] ?? 0) >= offset) return [];
      const name = String(key.value);
      return sensibleKey.test(name) ? [name, ...pathAt(value, offset)] : [];
    }
  } else if (isSeq(node)) {
    const index = node.items.findLastIndex((item) => startOf(item) <= offset);
    if (index >= 0) return [index, ...pathAt(node.items[index], offset)];
  }
  return [];
}

function startOf(node: unknown): number {
  const range = isMap(node) || isSeq(node) || isScalar(node) || isAlias(node) ? node.range : undefined;
  return range?.[0] ?? Number.POSITIVE_INFINITY;
}

interface Origin {
  readonly file: string;
  readonly lines: LineCounter;
  readonly report: Report;
}

class Reader {
  readonly #origin: Origin;
  readonly #anchors = new Map<string, Node>();
  readonly #open = new Set<Node>();
  #values = 0;
  /** The outermost alias being followed. */
  #alias: { readonly path: Path; readonly spot: Spot } | undefined;
  isExhausted = false;

  constructor(origin: Origin) {
    this.#origin = origin;
  }

  spotAt(offset: number): Spot {
    const { line, col } = this.#origin.lines.linePos(offset);
    return { file: this.#origin.file, line: Math.max(1, line), column: Math.max(1, col) };
  }

  /** Undefined when it cannot be read, which has then been reported. */
  tree(node: Node | null, path: Path, at?: Spot): Tree | undefined {
    const spot = at ?? this.#spotOf(node);
    if (this.isExhausted || this.#isTooMuch(path, spot)) return undefined;
    if (isAlias(node)) return this.#follow(node.source, path, spot);
    if (node !== null && 'anchor' in node && typeof node.anchor === 'string') this.#anchors.set(node.anchor, node);
    if (!isMap(node) && !isSeq(node)) return leafOf(node, spot);
    this.#open.add(node);
    const tree = isMap(node) ? this.#block(node, path, spot) : this.#list(node, path, spot);
    this.#open.delete(node);
    return tree;
  }

  #spotOf(node: Node | null): Spot {
    return this.spotAt(node?.range?.[0] ?? 0);
  }

  #error(path: Path, spot: Spot, [message, found, expected]: readonly [string, string, string]): undefined {
    this.#origin.report.add({ severity: 'error', path, spot, message, found, expected });
    return undefined;
  }

  #isTooMuch(path: Path, spot: Spot): boolean {
    this.#values += 1;
    if (this.#values > mostValues) {
      this.isExhausted = true;
      const at = this.#alias ?? { path: path.slice(0, shownDepth), spot };
      this.#error(at.path, at.spot, [
        'The file holds too many values once its aliases are followed.',
        `more than ${mostValues}`,
        `at most ${mostValues}`,
      ]);
    } else if (path.length > mostDepth) {
      this.isExhausted = true;
      this.#error(path.slice(0, shownDepth), spot, [
        'The file is nested too deeply.',
        `more than ${mostDepth} levels`,
        `at most ${mostDepth} levels`,
      ]);
    }
    return this.isExhausted;
  }

  #follow(name: string, path: Path, spot: Spot): Tree | undefined {
    const target = this.#anchors.get(name);
    // A key that begins with an asterisk reads as an alias.
    const shown = isSecretPath(path) ? '[secret]' : describeName(name);
    if (target === undefined) {
      return this.#error(path, spot, [
        'The alias names an anchor that does not stand before it.',
        `*${shown}`,
        `an earlier &${shown}; quotes, if it is a text`,
      ]);
    }
    if (this.#open.has(target)) {
      return this.#error(path, spot, [
        'The alias stands inside what it names.',
        `*${shown}`,
        'an anchor that has ended',
      ]);
    }
    // Places lead to the anchor: that is where the value can be mended.
    const outer = this.#alias;
    this.#alias ??= { path, spot };
    const tree = this.tree(target, path);
    this.#alias = outer;
    return tree;
  }

  #list(node: YAMLSeq, path: Path, spot: Spot): List {
    const items: Tree[] = [];
    for (const item of node.items) {
      const tree = this.tree(item as Node | null, [...path, items.length], item === null ? spot : undefined);
      if (tree !== undefined) items.push(tree);
    }
    return { kind: 'list', spot, items };
  }

  #block(node: YAMLMap, path: Path, spot: Spot): Block {
    const entries = new Map<string, Entry>();
    const inherited: Entry[] = [];
    for (const { key, value } of node.items) {
      const keySpot = this.#spotOf(key as Node);
      const name = isScalar(key) ? String(key.source ?? key.value) : '';
      const inner = [...path, name];
      const tree = this.tree(value as Node | null, inner, value === null || isBlank(value) ? keySpot : undefined);
      if (this.#isRefused(name, entries, { path: inner, spot: keySpot }) || tree === undefined) continue;
      if (name === '<<') inherited.push({ spot: keySpot, value: tree });
      else entries.set(name, { spot: keySpot, value: tree });
    }
    for (const entry of inherited) this.#inherit(entry, entries, [...path, '<<']);
    return { kind: 'block', spot, entries };
  }

  #isRefused(name: string, entries: ReadonlyMap<string, Entry>, at: { path: Path; spot: Spot }): boolean {
    if (refusedKeys.has(name)) {
      this.#error(at.path, at.spot, [
        'A key of this name is refused: it has a meaning of its own in JavaScript.',
        name,
        'another name',
      ]);
      return true;
    }
    const earlier = entries.get(name);
    if (earlier === undefined) return false;
    this.#error(at.path, at.spot, [
      `The key stands twice; the first is on line ${earlier.spot.line}.`,
      describeName(name),
      'each key once',
    ]);
    return true;
  }

  /** A merge key gives what the block does not say itself; of several, the first wins. */
  #inherit({ spot, value }: Entry, entries: Map<string, Entry>, path: Path): void {
    for (const source of value.kind === 'list' ? value.items : [value]) {
      if (source.kind !== 'block') {
        this.#error(path, spot, [
          'Only a block can be merged with "<<".',
          source.kind === 'list' ? 'a list' : 'a single value',
          'an alias of a block',
        ]);
        continue;
      }
      for (const [key, entry] of source.entries) if (!entries.has(key)) entries.set(key, entry);
    }
  }
}

function isBlank(value: unknown): boolean {
  return isScalar(value) && value.value === null && (value.source ?? '') === '';
}

function leafOf(node: Node | null, spot: Spot): Leaf {
  if (!isScalar(node)) return { kind: 'leaf', spot, value: null };
  const { value, source } = node as Scalar;
  if (typeof value === 'number' || typeof value === 'bigint') {
    return { kind: 'leaf', spot, value: Number(value), source: source ?? String(value) };
  }
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return { kind: 'leaf', spot, value };
  return { kind: 'leaf', spot, value: source ?? String(value) };
}
