/** References to environment variables, `os.environ/NAME`, at any depth. */
import { createHash } from 'node:crypto';
import type { Report } from './report.ts';
import { type Block, type Entry, entryOf, formatPath, isUnset, type Leaf, type Path, type Tree } from './tree.ts';

const prefix = 'os.environ/';
/** Without a value this key would open the gateway: it must not start. */
const fatalPath = 'general_settings.master_key';
const masterKeyVariables = ['RUTTER_MASTER_KEY', 'LITELLM_MASTER_KEY'];

type Variables = Readonly<Record<string, string | undefined>>;

export class References {
  readonly #report: Report;
  readonly #used = new Map<string, string | undefined>();
  #variables: Variables;
  #own: Readonly<Record<string, string>> = {};

  constructor(environment: Variables, report: Report) {
    this.#variables = environment;
    this.#report = report;
  }

  /** The file's own variables are read first: the rest sees them over those of the process. */
  resolveRoot(root: Block): Block {
    const own = entryOf(root, 'environment_variables');
    if (own !== undefined) {
      const resolved = this.resolve(own.value, ['environment_variables']);
      this.#own = this.#ownVariables(resolved);
      this.#variables = { ...this.#variables, ...this.#own };
    }
    const entries = new Map<string, Entry>();
    for (const [key, { spot, value }] of root.entries) entries.set(key, { spot, value: this.resolve(value, [key]) });
    return { ...root, entries };
  }

  resolve(tree: Tree, path: Path): Tree {
    if (tree.kind === 'leaf') return this.#leaf(tree, path);
    if (tree.kind === 'list')
      return { ...tree, items: tree.items.map((item, index) => this.resolve(item, [...path, index])) };
    const entries = new Map<string, Entry>();
    for (const [key, { spot, value }] of tree.entries)
      entries.set(key, { spot, value: this.resolve(value, [...path, key]) });
    return { ...tree, entries };
  }

  /** The master key that the environment gives when the file says nothing of one. */
  masterKey(file: string): Entry | undefined {
    const name = masterKeyVariables.find((candidate) => this.#lookUp(candidate) !== undefined);
    if (name === undefined) return undefined;
    const spot = { file, line: 1, column: 1 };
    return { spot, value: { kind: 'leaf', spot, value: this.#lookUp(name), reference: prefix + name } };
  }

  /** A variable as references see it; it takes part in the digest. */
  variable(name: string): string | undefined {
    return this.#lookUp(name);
  }

  /** What the file itself sets. */
  get own(): Readonly<Record<string, string>> {
    return this.#own;
  }

  /** Digest of the variables that took part, names and values. */
  digest(): string {
    const used = [...this.#used].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => [name, value ?? null]);
    return createHash('sha256').update(JSON.stringify(used)).digest('hex');
  }

  #leaf(leaf: Leaf, path: Path): Leaf {
    // What has been resolved is not resolved again: a value may look like a reference.
    if (leaf.reference !== undefined || typeof leaf.value !== 'string' || !leaf.value.startsWith(prefix)) return leaf;
    const name = leaf.value.slice(prefix.length).trim();
    const reference = prefix + name;
    const value = name === '' ? undefined : this.#lookUp(name);
    if (value === undefined) this.#missing(leaf, path, name);
    return { ...leaf, value, reference };
  }

  /** An empty variable is one that is not set: so shells and container files leave them out. */
  #lookUp(name: string): string | undefined {
    const found = Object.hasOwn(this.#variables, name) ? this.#variables[name] : undefined;
    const value = found === '' ? undefined : found;
    this.#used.set(name, value);
    return value;
  }

  #missing(leaf: Leaf, path: Path, name: string): void {
    const text = formatPath(path);
    const isFatal = text === fatalPath;
    const consequence = isFatal ? ' Without a master key the gateway would be open to everybody.' : '';
    this.#report.add({
      severity: isFatal ? 'error' : 'warning',
      path,
      spot: leaf.spot,
      message:
        name === ''
          ? `The reference names no environment variable.${consequence}`
          : `The environment variable ${name} is not set.${consequence}`,
      found: prefix + name,
      expected: name === '' ? 'os.environ/NAME' : `${name} with a value`,
      about: { topic: 'variable', subject: name },
    });
  }

  #ownVariables(tree: Tree): Readonly<Record<string, string>> {
    if (tree.kind !== 'block') return {};
    const variables: Record<string, string> = {};
    for (const [name, { value }] of tree.entries) {
      if (isUnset(value)) continue;
      if (value.kind === 'leaf') variables[name] = value.source ?? String(value.value);
      else {
        this.#report.refuse('error', ['environment_variables', name], {
          tree: value,
          message: 'A variable is not a single value.',
          expected: 'a text',
        });
      }
    }
    return variables;
  }
}
