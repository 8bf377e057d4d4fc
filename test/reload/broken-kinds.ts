/** Plugins of several kinds, each made from its starter, with one fault each. Whatever the kind, a fault is refused alike. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Kind } from '@rutter/plugin-sdk';
import {
  type generateKeys,
  keyIdOf,
  packedNames,
  packPlugin,
  readPackedFiles,
  signatureName,
  signatureText,
  signPacked,
} from '@rutter/plugin-sdk/pack';
import { kindFacts } from '../../plugin-sdk/cli/kinds.ts';
import { starterFiles } from '../../plugin-sdk/cli/starter.ts';
import type { Broken } from './broken-files.ts';

type Files = Readonly<Record<string, string>>;

export const kinds: readonly Kind[] = ['protocol', 'guard', 'cache', 'strategy', 'provider', 'observer', 'embedder'];

/** What a fault makes of a starter, and what is said of it. */
interface Fault {
  readonly files?: (files: Files, name: string) => Files;
  /** Further lines of the entry. */
  readonly entry?: (kind: Kind) => readonly string[];
  /** Another plugin, in a folder and an entry of its own. */
  readonly beside?: (name: string) => Readonly<Record<string, Files>>;
  /** Line of the configuration; that of the entry when absent. */
  readonly at?: number;
  readonly reasons: (name: string) => readonly [string, ...string[]];
}

const inText = (change: (text: string) => string) => (files: Files) => ({
  ...files,
  'index.ts': change(files['index.ts'] ?? ''),
});

interface Block {
  readonly provides?: readonly string[];
  readonly [key: string]: unknown;
}

const inBlock =
  (change: (block: Block) => Block) =>
  (files: Files): Files => {
    const described = JSON.parse(files['package.json'] ?? '') as { readonly rutter: Block };
    return { ...files, 'package.json': JSON.stringify({ ...described, rutter: change(described.rutter) }) };
  };

/** Begins the body of `setup` with a statement. */
const atSetUp = (statement: string) =>
  inText((text) => {
    const changed = text.replace(/^( {2}(?:async )?setup\([^)]*\) \{)$/m, `$1 ${statement}`);
    if (changed === text) throw new Error('The starter has no setup to break.');
    return changed;
  });

const observer =
  "import { definePlugin } from '@rutter/plugin-sdk';\nexport default definePlugin({ kind: 'observer', setup: () => ({}) });\n";

/** Those of sources; the packed ones need keys and are made below. */
const faults: Readonly<Record<string, Fault>> = {
  'a syntax error': {
    files: inText((text) => `const = 3;\n${text}`),
    reasons: (name) => [`/p/${name}/index.ts:1:7: Expected identifier`],
  },
  'options that its schema refuses': {
    entry: (kind) => ['config:', `  ${optionOf(kind)}: {odd: true}`],
    at: 5,
    reasons: () => ['refuses option "'],
  },
  'a missing dependency': {
    files: inText((text) => `import 'not-installed-anywhere';\n${text}`),
    reasons: (name) => [`/p/${name}/index.ts:1:8: found no package or file "not-installed-anywhere"`],
  },
  'a cycle of services': {
    files: inBlock((block) => ({ ...block, provides: [...(block.provides ?? []), 'hen'], uses: ['egg'] })),
    beside: (name) => ({
      [`${name}-egg`]: {
        'package.json': JSON.stringify({
          version: '1.0.0',
          rutter: {
            api: 1,
            kind: 'observer',
            name: `${name}-egg`,
            entry: 'index.ts',
            provides: ['egg'],
            uses: ['hen'],
          },
        }),
        'index.ts': observer,
      },
    }),
    reasons: (name) => ['use each other in a circle', name, `${name}-egg`],
  },
  'a throw at set-up': {
    files: atSetUp("throw new Error('no luck today');"),
    reasons: (name) => [`"${name}"`, 'no luck today', `/p/${name}/index.ts:`],
  },
  'a set-up that never ends': {
    files: atSetUp('return new Promise(() => {}) as never;'),
    entry: () => ['setup_timeout: 200ms'],
    reasons: (name) => [`Plugin "${name}" took longer to set up than 200 ms`],
  },
  'an API of another version': {
    files: inBlock((block) => ({ ...block, api: 2 })),
    reasons: (name) => [`/p/${name}/package.json: rutter.api: found 2, expected the number 1`],
  },
};

/** The first option of a starter. */
const optionOf = (kind: Kind): string => kindFacts[kind].options[0]?.split(':')[0] ?? '';

const nameOf = (kind: Kind, title: string) => `${kind}-${title.toLowerCase().replaceAll(/[^a-z]+/g, '-')}`;

const below = (folder: string, files: Files): Files =>
  Object.fromEntries(Object.entries(files).map(([file, text]) => [`p/${folder}/${file}`, text]));

function rowOf(kind: Kind, title: string, { files: damage, entry, beside, at = 2, reasons }: Fault): Broken {
  const name = nameOf(kind, title);
  const sound = starterFiles({ kind, name, language: 'typescript' });
  const [reason, ...also] = reasons(name);
  const others = beside?.(name) ?? {};
  const entries = [name, ...Object.keys(others)].map((one, index) =>
    [`  - use: ./p/${one}`, 'trust: true', ...(index === 0 ? (entry?.(kind) ?? []) : [])].join('\n    '),
  );
  return {
    title: `a ${kind} with ${title}`,
    config: `plugins:\n${entries.join('\n')}\n`,
    files: Object.assign(
      below(name, damage?.(sound, name) ?? sound),
      ...Object.entries(others).map(([folder, own]) => below(folder, own)),
    ),
    at,
    reason,
    also,
  };
}

export const brokenSources: readonly Broken[] = kinds.flatMap((kind) =>
  Object.entries(faults).map(([title, fault]) => rowOf(kind, title, fault)),
);

type Keys = ReturnType<typeof generateKeys>;

/** Starters packed and signed with `ours`, then damaged. `trust` is the line of a configuration that asks for that. */
export async function brokenPackages(ours: Keys, theirs: Keys, trust: string): Promise<readonly Broken[]> {
  const rows: Broken[] = [];
  for (const kind of kinds) {
    const { texts, bytes } = await packedStarter(kind);
    const signature = (by: Keys) => ({ ...signPacked(bytes, by.privateKey), key: keyIdOf(ours.publicKey) });
    const signed = { ...texts, [signatureName]: signatureText([signature(ours)]) };
    // Signed by somebody else, under the name of the key that is trusted.
    const forged = { ...texts, [signatureName]: signatureText([signature(theirs)]) };
    const row = (title: string, files: Files, said: readonly [string, ...string[]]): Broken => {
      const name = nameOf(kind, title);
      const [reason, ...also] = said.map((one) => one.replace('NAME', `p/${name}`)) as [string, ...string[]];
      const config = `plugins:\n  - use: ./p/${name}\n${trust}\n`;
      return { title: `a ${kind} with ${title}`, config, files: below(name, files), at: 2, reason, also };
    };
    rows.push(
      row('a bad digest', { ...signed, [packedNames.text]: `${texts[packedNames.text]}\n` }, [
        '/NAME/plugin.cjs was changed after it was packed: found digest ',
      ]),
      row('a bad signature', forged, ['/NAME', 'is not of these files']),
    );
  }
  return rows;
}

async function packedStarter(kind: Kind) {
  const folder = await mkdtemp(join(tmpdir(), 'rutter-broken-'));
  try {
    for (const [file, text] of Object.entries(starterFiles({ kind, name: `packed-${kind}`, language: 'typescript' })))
      await writeFile(join(folder, file), text);
    const outDir = join(folder, 'dist');
    await packPlugin(folder, { outDir });
    const packed = await readPackedFiles(outDir);
    if (packed === undefined) throw new Error(`The ${kind} was not packed.`);
    const texts: Record<string, string> = {};
    for (const file of Object.values(packedNames)) texts[file] = await readFile(join(outDir, file), 'utf8');
    return { texts, bytes: packed.bytes };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
