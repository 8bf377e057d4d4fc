/**
 * JSON Schema (2020-12) of the configuration file, and its reference as a page
 * of Markdown: both made from the table of keys.
 */

import type { Fate, Key, KeyBlock, KeyType } from './keys/key.ts';
import { blockNamed, blocks } from './keys.ts';

type Schema = Readonly<Record<string, unknown>>;

const ref = (name: string): Schema => ({ $ref: `#/$defs/${name}` });
const reference = ref('reference');
const text: Schema = { type: 'string' };
const texts: Schema = { type: 'array', items: text };
const targets: Schema = { type: 'array', items: { oneOf: [text, { type: 'object', required: ['model'] }] } };
const fallbackBlock: Schema = { type: 'object', additionalProperties: targets };
/** What a reference to a variable gives is a text, so that a number may always be one. */
const numberText: Schema = { type: 'string', pattern: '^\\s*[+-]?[0-9.]+([eE][+-]?[0-9]+)?\\s*$' };
const alias: Schema = {
  type: 'object',
  required: ['model'],
  properties: { model: text, hidden: ref('boolean-value') },
};

const share: Schema = { type: ['number', 'string', 'null'] };
const marginBlock: Schema = {
  type: 'object',
  properties: { percentage: share, fixed_amount: share },
  additionalProperties: false,
};

/** A key without a value counts as absent. */
const optional = (...schemas: readonly Schema[]): Schema => ({ anyOf: [...schemas, { type: 'null' }] });

const shared = {
  reference: { type: 'string', pattern: '^os\\.environ/.+', description: 'The value of an environment variable.' },
  'boolean-value': optional({ type: 'boolean' }, { enum: ['true', 'false', 'yes', 'no', 'on', 'off'] }, reference),
  'duration-value': optional(
    { type: 'number', minimum: 0 },
    { type: 'string', pattern: '^\\s*[0-9]+(\\.[0-9]+)?\\s*(ms|s|m|h|d|w|mo)?\\s*$' },
    reference,
  ),
  'price-value': optional(
    { type: 'number', minimum: 0 },
    { type: 'string', pattern: '^\\s*\\+?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][+-]?[0-9]+)?\\s*$' },
    reference,
  ),
  'prices-value': optional({ type: 'object', additionalProperties: { $ref: '#/$defs/price-value' } }),
  'price-tiers-value': optional({
    type: 'array',
    items: {
      type: 'object',
      properties: { range: { type: 'array', items: { type: 'number' }, minItems: 2, maxItems: 2 } },
      required: ['range'],
      additionalProperties: { $ref: '#/$defs/price-value' },
    },
  }),
  'discounts-value': optional({ type: 'object', additionalProperties: share }),
  'margins-value': optional({ type: 'object', additionalProperties: { anyOf: [share, marginBlock] } }),
  'text-value': optional({ type: 'string', minLength: 1 }),
  'secret-value': optional(text),
  'texts-value': optional(texts),
  'text-or-texts-value': optional(text, texts),
  'headers-value': optional({
    type: 'object',
    additionalProperties: { type: ['string', 'number', 'boolean', 'null'] },
  }),
  'map-value': optional({ type: 'object' }),
  'list-value': optional({ type: 'array' }),
  'fallbacks-value': optional({ type: 'array', items: fallbackBlock }, fallbackBlock),
  'targets-value': optional(targets),
  'group-lists-value': optional({ type: 'object', additionalProperties: { ...texts, minItems: 1 } }),
  'aliases-value': optional({ type: 'object', additionalProperties: { oneOf: [text, alias] } }),
} as const satisfies Readonly<Record<string, Schema>>;

const value = (name: keyof typeof shared) => (): Schema => ref(name);

function number({ min, max }: Key, type: 'number' | 'integer', least?: number): Schema {
  const minimum = min === Number.MIN_SAFE_INTEGER ? undefined : (min ?? least);
  const bounds = { ...(minimum === undefined ? {} : { minimum }), ...(max === undefined ? {} : { maximum: max }) };
  return optional({ type, ...bounds }, numberText, reference);
}

const byType: Readonly<Record<KeyType, (key: Key) => Schema>> = {
  text: ({ choices }) => (choices === undefined ? ref('text-value') : optional({ enum: choices }, reference)),
  secret: value('secret-value'),
  boolean: value('boolean-value'),
  integer: (key) => number(key, 'integer', 0),
  number: (key) => number(key, 'number'),
  duration: value('duration-value'),
  price: value('price-value'),
  prices: value('prices-value'),
  'price-tiers': value('price-tiers-value'),
  discounts: value('discounts-value'),
  margins: value('margins-value'),
  texts: value('texts-value'),
  'text-or-texts': value('text-or-texts-value'),
  patterns: value('texts-value'),
  addresses: value('texts-value'),
  networks: value('texts-value'),
  headers: value('headers-value'),
  map: value('map-value'),
  list: value('list-value'),
  any: () => ({}),
  fallbacks: value('fallbacks-value'),
  targets: value('targets-value'),
  aliases: value('aliases-value'),
  'group-lists': value('group-lists-value'),
  'client-parameters': value('list-value'),
  plugins: () => optional({ type: 'array', items: { oneOf: [text, blockRef('plugin')] } }),
  block: ({ block, needsValue }) => (needsValue === true ? blockRef(block) : optional(blockRef(block))),
  blocks: ({ block }) => optional({ type: 'array', items: blockRef(block) }),
  'block-map': ({ block }) => optional({ type: 'object', additionalProperties: blockRef(block) }),
};

function blockRef(name: string | undefined): Schema {
  blockNamed(name);
  return ref(String(name));
}

function keySchema(key: Key): Schema {
  const isText = key.type === 'text' || key.type === 'secret';
  const schema = key.needsValue === true && isText ? { type: 'string', minLength: 1 } : byType[key.type](key);
  const fates: Partial<Record<Fate, string>> = { later: ' Not honoured yet.', refused: ' Refused.' };
  return { description: key.doc + (fates[key.fate] ?? ''), ...schema };
}

function blockSchema(block: KeyBlock): Schema {
  const families = (block.families ?? []).map(({ pattern, key }) => [pattern.source, keySchema(key)] as const);
  return {
    type: 'object',
    description: block.doc,
    properties: Object.fromEntries(Object.entries(block.keys).map(([name, key]) => [name, keySchema(key)])),
    ...(families.length === 0 ? {} : { patternProperties: Object.fromEntries(families) }),
    ...(block.open ? {} : { additionalProperties: false }),
  };
}

export function configurationSchema(): Schema {
  const { root, ...others } = blocks;
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Configuration of Rutter',
    ...blockSchema(root),
    $defs: {
      ...shared,
      ...Object.fromEntries(Object.entries(others).map(([name, block]) => [name, blockSchema(block)])),
    },
  };
}

const typeWords: Readonly<Record<KeyType, string>> = {
  text: 'text',
  secret: 'secret text',
  boolean: 'true or false',
  integer: 'whole number',
  number: 'number',
  duration: 'seconds, or 500ms, 30s, 5m, 2h, 1d',
  price: 'dollars',
  prices: 'keys with dollars',
  'price-tiers': 'list of tiers',
  discounts: 'keys with shares',
  margins: 'keys with shares, or blocks',
  texts: 'list of texts',
  'text-or-texts': 'text or list of texts',
  patterns: 'list of regular expressions',
  addresses: 'list of addresses',
  networks: 'list of addresses or ranges',
  headers: 'keys with texts',
  map: 'keys with values',
  list: 'list',
  any: 'any value',
  fallbacks: 'list of `{group: [targets]}`',
  targets: 'list of groups',
  aliases: '`alias: group`',
  'group-lists': '`name: [groups]`',
  'client-parameters': 'list of names, or of `{name: pattern}`',
  plugins: 'list of plugins',
  block: 'block',
  blocks: 'list of blocks',
  'block-map': 'blocks by name',
};

/** What becomes of a key, in words. */
function fateInWords({ fate, owner, reason }: Key): string {
  if (fate === 'later') return owner === undefined ? 'not yet' : `not yet: ${owner}`;
  if (fate === 'refused') return `refused: ${reason}`;
  return fate === 'kept' ? 'kept for plugins' : 'yes';
}

const titles: Readonly<Record<string, string>> = {
  root: 'Top level',
  plugin: '`plugins[]`, `canary.plugins[]`',
  deployment: '`model_list[]`',
  litellm_params: '`model_list[].litellm_params`',
  model_info: '`model_list[].model_info`',
  retry_policy: '`router_settings.retry_policy`, `router_settings.model_group_retry_policy.*`',
  allowed_fails_policy: '`router_settings.allowed_fails_policy`',
  credential: '`credential_list[]`',
  cache_params: '`litellm_settings.cache_params`',
};

const introduction = `# Configuration

One YAML file. [configuration.schema.json](configuration.schema.json) describes it for editors; this page is made from the same table. \`rutter check config.yaml\` tells everything that is wrong with a file, with line and path, without starting anything.

- \`os.environ/NAME\` stands for the value of a variable, at any depth. A missing variable is a warning and the key counts as absent; only a missing master key keeps the gateway from starting.
- A key that is not known is a warning that names the nearest known one. A model that cannot be used is left out, with a warning. Everything else that is wrong is an error.
- Several files may be given: they are laid over one another key by key, and their lists go on. Below them lie the defaults, whose lists they replace. Entries of \`plugins\` always go on, a later one replacing an earlier one of the same name.
- "Honoured" says what becomes of a key: *yes*; *kept for plugins* that read it; *not yet*: known, without effect until the capability named is there, and told of in a warning; or *refused*, with the reason: it keeps the gateway from starting.
`;

const cell = (value: string): string => value.replaceAll('|', '\\|');

function blockPage(name: string, block: KeyBlock): string {
  const rows = Object.entries(block.keys).map(([name, key]) => {
    const { type, doc, default: unset, choices } = key;
    const words = choices === undefined ? typeWords[type] : choices.join(', ');
    return `|\`${name}\`|${cell(words)}|${cell(unset ?? '')}|${cell(fateInWords(key))}|${cell(doc)}|`;
  });
  const families = (block.families ?? []).map(
    ({ pattern, key }) =>
      `|names like \`${cell(pattern.source)}\`|${cell(typeWords[key.type])}||${cell(fateInWords(key))}|${cell(key.doc)}|`,
  );
  const head = ['|Key|Value|When absent|Honoured|Meaning|', '|-|-|-|-|-|'];
  return [`## ${titles[name] ?? `\`${name}\``}`, '', block.doc, '', ...head, ...rows, ...families, ''].join('\n');
}

export function configurationPage(): string {
  return [introduction, ...Object.entries(blocks).map(([name, block]) => blockPage(name, block))].join('\n');
}
