/**
 * A configuration while it is being read: plain values that still know where
 * they stand. Layers and includes are merged in this form, so that a message
 * about a merged value names the file and line it came from.
 */
import type { Place } from './types.ts';

/** File, line and column; the path follows from the position in the merged tree. */
export interface Spot {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export interface Leaf {
  readonly kind: 'leaf';
  readonly spot: Spot;
  /** Undefined when it refers to an environment variable that is not set. */
  readonly value: string | number | boolean | null | undefined;
  /** A plain number as it was written, for decimal arithmetic. */
  readonly source?: string;
  /** The reference that gave the value; shown in messages instead of it. */
  readonly reference?: string;
}

export interface List {
  readonly kind: 'list';
  readonly spot: Spot;
  readonly items: readonly Tree[];
}

export interface Entry {
  readonly spot: Spot;
  readonly value: Tree;
}

export interface Block {
  readonly kind: 'block';
  readonly spot: Spot;
  readonly entries: ReadonlyMap<string, Entry>;
}

export type Tree = Leaf | List | Block;

/** Keys and indices from the root. */
export type Path = readonly (string | number)[];

const plainKey = /^[A-Za-z_*][\w*-]*$/;

/** As `model_list[2].litellm_params.model`; keys of other letters stand quoted in brackets. */
export function formatPath(path: Path): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else if (plainKey.test(step)) text += text === '' ? step : `.${step}`;
    else text += `[${JSON.stringify(step)}]`;
  }
  return text;
}

/** Inverse of formatPath; undefined when the text is not such a path. */
function parsePath(text: string): Path | undefined {
  const steps: (string | number)[] = [];
  const step = /\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]|\.?([^.[\]]+)/y;
  while (step.lastIndex < text.length) {
    const found = step.exec(text);
    if (found === null) return undefined;
    const [, index, quoted, key] = found;
    if (index !== undefined) steps.push(Number(index));
    else steps.push(quoted === undefined ? (key ?? '') : unquote(quoted));
  }
  return steps;
}

function unquote(text: string): string {
  try {
    return String(JSON.parse(text));
  } catch {
    return text;
  }
}

/** Where a path stands; the nearest block around it when nothing stands there. */
export function placeIn(root: Tree, text: string): Place {
  let spot = root.spot;
  let tree: Tree | undefined = root;
  for (const step of parsePath(text) ?? []) {
    if (tree?.kind === 'block') {
      const entry: Entry | undefined = tree.entries.get(String(step));
      spot = entry?.spot ?? spot;
      tree = entry?.value;
    } else if (tree?.kind === 'list' && typeof step === 'number') {
      tree = tree.items[step];
      spot = tree?.spot ?? spot;
    } else break;
  }
  return { ...spot, path: text };
}

/** Plain values. What has no value, a missing variable say, is left out. */
export function toPlain(tree: Tree): unknown {
  if (tree.kind === 'leaf') return tree.value;
  if (tree.kind === 'list') return tree.items.map(toPlain).filter((value) => value !== undefined);
  return toPlainBlock(tree);
}

export function toPlainBlock(block: Block): Record<string, unknown> {
  const plain: Record<string, unknown> = {};
  for (const [key, { value }] of block.entries) {
    const inner = toPlain(value);
    if (inner !== undefined) plain[key] = inner;
  }
  return plain;
}

export function entryOf(tree: Tree | undefined, key: string): Entry | undefined {
  return tree?.kind === 'block' ? tree.entries.get(key) : undefined;
}

/** Whether it says nothing: absent, null, or a missing variable. */
export function isUnset(tree: Tree | undefined): boolean {
  return tree === undefined || (tree.kind === 'leaf' && (tree.value === undefined || tree.value === null));
}

/** A block without some of its keys. */
export function without(block: Block, keys: readonly string[]): Block {
  return { ...block, entries: new Map([...block.entries].filter(([key]) => !keys.includes(key))) };
}

/** A copy with one entry added or replaced. */
export function withEntry(block: Block, key: string, entry: Entry): Block {
  return { ...block, entries: new Map([...block.entries, [key, entry]]) };
}
