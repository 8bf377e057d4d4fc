/** How an attack is written down, and made into a plugin folder. */

export interface Attack {
  readonly name: string;
  /** Body of `select(context, candidates)`; that of a harmless strategy when absent. */
  readonly select?: string;
  /** Body of `prepare(context)`. */
  readonly prepare?: string;
  /** Ahead of `return { select … }` in `setup(host)`. */
  readonly setup?: string;
  /** Ahead of the definition, where a module's code runs. */
  readonly top?: string;
  /** More parts of what `setup` returns. */
  readonly parts?: string;
  /** Over the right manifest; undefined takes a key away. */
  readonly manifest?: Readonly<Record<string, unknown>>;
  /** Further files of the folder. */
  readonly files?: Readonly<Record<string, string>>;
  /** Links in the folder, by name, to where they lead. */
  readonly links?: Readonly<Record<string, string>>;
  /**
   * What may come of it: it `falls` and somebody else decides; it `decides`, since what it does harms nobody but
   * itself; it is `refused` before it is asked anything, with these words.
   */
  readonly outcome: 'falls' | 'decides' | { readonly refused: string };
}

const harmless = 'return [...candidates].reverse();';

function sourceOf({ select = harmless, prepare, setup = '', top = '', parts = '' }: Attack): string {
  const preparing = prepare === undefined ? '' : `async prepare(context) { ${prepare} },`;
  return `import { definePlugin, RutterError, z } from '@rutter/plugin-sdk';
${top}
export default definePlugin({ kind: 'strategy', setup(host) {
  ${setup}
  return { ${parts} ${preparing} select(context, candidates) { ${select} } };
} });
`;
}

export function filesOf(attack: Attack): Record<string, string> {
  const { name, manifest = {}, files = {} } = attack;
  const rutter = { api: 1, kind: 'strategy', name, entry: 'index.js', ...manifest };
  return {
    [`${name}/package.json`]: JSON.stringify({ name, version: '1.0.0', type: 'module', rutter }),
    [`${name}/index.js`]: sourceOf(attack),
    ...Object.fromEntries(Object.entries(files).map(([path, content]) => [`${name}/${path}`, content])),
  };
}
