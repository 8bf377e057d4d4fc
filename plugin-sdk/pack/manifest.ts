/**
 * Reads a plugin's description from its package.json and says everything that
 * is wrong with it. Nothing of the plugin runs here.
 */
import type { Kind } from '../contract/kinds.ts';
import { apiVersion, type Claims, type Manifest, type Need, needNames } from '../contract/plugin.ts';
import { type Block, Fields, isBlock, type PackProblem, shown } from './fields.ts';

const kinds: Readonly<Record<Kind, true>> = {
  protocol: true,
  guard: true,
  cache: true,
  strategy: true,
  provider: true,
  observer: true,
  embedder: true,
  store: true,
  state: true,
  source: true,
  secrets: true,
  extension: true,
};

/** Every kind of plugin. */
export const kindNames = Object.keys(kinds) as readonly Kind[];

const manifestKeys = [
  'api',
  'kind',
  'name',
  'entry',
  'needs',
  'claims',
  'provides',
  'uses',
  'external',
  'shared',
  'place',
  'stability',
];
const claimKeys = [
  'modelPrefixes',
  'routingStrategies',
  'settings',
  'references',
  'commands',
  'sources',
  'environment',
];
const placeNames = ['in-process', 'worker'] as const;
const stabilities = ['stable', 'beta', 'experimental'] as const;

const kebabCase = /^[a-z0-9]+(-[a-z0-9]+)*$/;
const settingsClaim = /^[\w-]+(\[\])?(\.[\w-]+(\[\])?)*(: .+?)?( as \w+)?$/;
const packageName = /^(@[a-z0-9._~-]+\/)?[a-z0-9._~-]+$/i;
/** Inside the folder, without a way out of it. */
const relativeFile = /^(?!\/)(?!(.*\/)?\.\.(\/|$)).+\.(ts|mts|js|mjs)$/;

export type ManifestResult =
  | { readonly manifest: Manifest; readonly problems: readonly [] }
  | { readonly manifest: undefined; readonly problems: readonly PackProblem[] };

/**
 * The manifest in a parsed package.json, defaults filled in.
 *
 * `file` is named in the problems.
 */
export function readManifest(packageJson: unknown, file: string): ManifestResult {
  const fields = new Fields(file);
  const root = isBlock(packageJson) ? packageJson : {};
  if (!isBlock(root.rutter)) {
    fields.refuse('rutter', `found ${shown(root.rutter)}, expected a block with api, kind, name and entry.`);
    return { manifest: undefined, problems: fields.problems };
  }
  const manifest = readBlock(root, root.rutter, fields);
  return fields.problems.length > 0 ? { manifest: undefined, problems: fields.problems } : { manifest, problems: [] };
}

/** The manifest of a plugin that is one file and says nothing about itself. */
export function plainManifest(name: string, entry: string, file: string): ManifestResult {
  return readManifest({ rutter: { api: apiVersion, kind: kindNames[0], name, entry } }, file);
}

function readBlock(root: Block, block: Block, fields: Fields): Manifest {
  fields.onlyKnown(block, 'rutter', manifestKeys);
  if (block.api !== apiVersion)
    fields.refuse(
      'rutter.api',
      `found ${shown(block.api)}, expected the number ${apiVersion}, the version of the contract this gateway speaks.`,
    );
  const kind = fields.oneOf(block.kind, 'rutter.kind', kindNames) ?? 'extension';
  const { description } = root;
  return {
    api: apiVersion,
    kind,
    name: fields.text(block.name, 'rutter.name', 'a name in lower case with hyphens, such as cache-memory', kebabCase),
    entry: fields.text(
      block.entry,
      'rutter.entry',
      'a .ts or .js file inside the folder, such as index.ts',
      relativeFile,
    ),
    version: root.version === undefined ? '0.0.0' : fields.text(root.version, 'version', 'a version such as 1.0.0'),
    ...(typeof description === 'string' ? { description } : {}),
    needs: readNeeds(block.needs, fields),
    claims: readClaims(block.claims, fields),
    provides: fields.texts(block.provides, 'rutter.provides'),
    uses: fields.texts(block.uses, 'rutter.uses'),
    external: fields.texts(block.external, 'rutter.external', packageName),
    shared: fields.flag(block.shared, 'rutter.shared'),
    ...(block.place !== undefined && {
      place: fields.oneOf(block.place, 'rutter.place', placeNames) ?? 'in-process',
    }),
    stability:
      block.stability === undefined
        ? 'stable'
        : (fields.oneOf(block.stability, 'rutter.stability', stabilities) ?? 'stable'),
  };
}

function readNeeds(value: unknown, fields: Fields): readonly Need[] {
  return fields
    .texts(value, 'rutter.needs')
    .flatMap((need, index) => fields.oneOf(need, `rutter.needs[${index}]`, needNames) ?? []);
}

function readClaims(value: unknown, fields: Fields): Claims {
  if (value === undefined) return {};
  if (!isBlock(value)) {
    fields.refuse('rutter.claims', `found ${shown(value)}, expected a block.`);
    return {};
  }
  fields.onlyKnown(value, 'rutter.claims', claimKeys);
  const claim = (key: string, pattern?: RegExp) => fields.texts(value[key], `rutter.claims.${key}`, pattern);
  const claims = {
    // Written with or without its slash: `together_ai/` and `together_ai` claim the same.
    modelPrefixes: claim('modelPrefixes').map((prefix) => prefix.replace(/\/$/, '')),
    routingStrategies: claim('routingStrategies'),
    settings: claim('settings', settingsClaim),
    references: claim('references'),
    commands: claim('commands', kebabCase),
    sources: claim('sources', /^[a-z][a-z0-9+.-]*$/),
    environment: readEnvironment(value.environment, fields),
  };
  return Object.fromEntries(Object.entries(claims).filter(([, claimed]) => claimed.length > 0));
}

function readEnvironment(value: unknown, fields: Fields): NonNullable<Claims['environment']> {
  const field = 'rutter.claims.environment';
  if (value === undefined) return [];
  if (!Array.isArray(value)) {
    fields.refuse(field, `found ${shown(value)}, expected a list of { variable, models, prefix }.`);
    return [];
  }
  return value.map((item: unknown, index) => {
    const block = isBlock(item) ? item : {};
    if (isBlock(item)) fields.onlyKnown(item, `${field}[${index}]`, ['variable', 'models', 'prefix']);
    return {
      variable: fields.text(
        block.variable,
        `${field}[${index}].variable`,
        'the name of an environment variable',
        /^\w+$/,
      ),
      models: fields.texts(block.models, `${field}[${index}].models`),
      ...(block.prefix !== undefined && {
        prefix: fields.text(block.prefix, `${field}[${index}].prefix`, 'one of the prefixes that are claimed', /\S/),
      }),
    };
  });
}
