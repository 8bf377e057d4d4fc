/** The files of a new plugin, as texts. Nothing is written here. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Kind } from '../contract/kinds.ts';
import { apiVersion } from '../contract/plugin.ts';
import { toJavaScript } from './javascript.ts';
import { kindFacts } from './kinds.ts';
import { sdkVersion, startersFolder } from './sdk.ts';

export interface Wanted {
  readonly kind: Kind;
  readonly name: string;
  readonly language: 'typescript' | 'javascript';
}

/** By file name. */
export function starterFiles(wanted: Wanted): Readonly<Record<string, string>> {
  const { kind, language } = wanted;
  const ending = language === 'typescript' ? 'ts' : 'js';
  const source = (file: string) => {
    const text = readFileSync(join(startersFolder, kind, file), 'utf8');
    return language === 'typescript' ? text : toJavaScript(text);
  };
  return {
    'package.json': json(packageJson(wanted)),
    [`index.${ending}`]: source('index.ts'),
    [`index.test.${ending}`]: source('test.ts'),
    'README.md': readme(wanted),
    'tsconfig.json': json(tsconfig(wanted)),
  };
}

const json = (value: unknown) => `${JSON.stringify(value, undefined, 2)}\n`;

function packageJson({ kind, name, language }: Wanted): object {
  const { starter, needs, provides, claims } = kindFacts[kind];
  return {
    name,
    version: '0.1.0',
    description: starter,
    private: true,
    type: 'module',
    scripts: { test: 'rutter-plugin check .', dev: 'rutter-plugin dev .', pack: 'rutter-plugin pack .' },
    rutter: {
      api: apiVersion,
      kind,
      name,
      entry: language === 'typescript' ? 'index.ts' : 'index.js',
      ...(needs && { needs }),
      ...(claims && { claims: claims(name) }),
      ...(provides && { provides }),
    },
    // For editors: the gateway and `rutter-plugin` bring an SDK of their own.
    devDependencies: { '@rutter/plugin-sdk': `^${sdkVersion()}`, '@types/node': '^24.0.0' },
  };
}

function tsconfig({ language }: Wanted): object {
  const isTypeScript = language === 'typescript';
  return {
    compilerOptions: {
      target: 'es2024',
      lib: ['es2024'],
      module: 'nodenext',
      types: ['node'],
      strict: isTypeScript,
      ...(isTypeScript
        ? {
            noUncheckedIndexedAccess: true,
            verbatimModuleSyntax: true,
            erasableSyntaxOnly: true,
            allowImportingTsExtensions: true,
          }
        : { allowJs: true, checkJs: false }),
      skipLibCheck: true,
      noEmit: true,
    },
    exclude: ['node_modules', 'dist'],
  };
}

function readme({ kind, name, language }: Wanted): string {
  const { starter, options, configure, next, needs } = kindFacts[kind];
  const entry = language === 'typescript' ? 'index.ts' : 'index.js';
  const isTrustedOnly = kind === 'extension' || needs?.includes('node');
  const trust = isTrustedOnly ? 'it cannot do its work in the sandbox' : 'the sandbox when left out';
  return `# ${name}

${starter}

## Use

Name the folder in the configuration of a gateway:

\`\`\`yaml
plugins:
  - use: ./${name}
    trust: true # runs inside the gateway; ${trust}
    config:
${options.map((line) => `      ${line}\n`).join('')}${configure === undefined ? '' : `\n${configure(name).join('\n')}\n`}\`\`\`

What each option means stands beside it in \`${entry}\`. The gateway takes up a saved file by itself; requests under way finish with the version they began with.

## Work on it

\`\`\`sh
rutter-plugin check .   # manifest, types, packed text, conformance, tests
rutter-plugin dev .     # a gateway with simulated models that shows every decision
rutter-plugin pack .    # one text and its manifest, in dist/
\`\`\`

${next}
`;
}
