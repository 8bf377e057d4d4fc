/** What all readings of values share: where they stand, and what may be wrong with them. */
import type { Key } from './keys/key.ts';
import { isUnset, type Path, type Tree } from './tree.ts';

interface Problem {
  readonly path: Path;
  readonly tree: Tree;
  readonly message: string;
  readonly expected: string;
}

/** A value, or the first thing wrong with it. An unset tree is the value undefined. */
export type Coerced = { readonly value: unknown } | { readonly problem: Problem };

export interface Input {
  readonly key: Key;
  readonly tree: Tree;
  readonly path: Path;
}

export const wrong = ({ path, tree }: Input, message: string, expected: string): Coerced => ({
  problem: { path, tree, message, expected },
});

export function textLeaf(tree: Tree): string | undefined {
  if (tree.kind !== 'leaf') return undefined;
  if (typeof tree.value === 'number') return tree.source ?? String(tree.value);
  return typeof tree.value === 'string' ? tree.value : undefined;
}

/** Reads each item of a list; items without a value are passed over. */
export function each(input: Input, read: (item: Input) => Coerced, expected: string): Coerced {
  if (input.tree.kind !== 'list') return wrong(input, 'The value is not a list.', expected);
  const values: unknown[] = [];
  for (const [index, tree] of input.tree.items.entries()) {
    if (isUnset(tree)) continue;
    const item = read({ ...input, tree, path: [...input.path, index] });
    if ('problem' in item) return item;
    values.push(item.value);
  }
  return { value: values };
}
