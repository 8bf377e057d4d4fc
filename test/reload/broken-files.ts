/** Configurations that must be refused, and what must be said of each. */

export interface Broken {
  readonly title: string;
  /** Text of config.yaml; undefined where the file is to be gone. */
  readonly config: string | Uint8Array | undefined;
  /** Further files, by path relative to it. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
  /** Where the fault is said to stand: a line of config.yaml, or `file:line`. */
  readonly at: number | string;
  /** Part of the reason. */
  readonly reason: string;
  /** Further parts of it. */
  readonly also?: readonly string[];
}

const files = (
  entries: readonly (readonly [title: string, config: Broken['config'], at: Broken['at'], reason: string])[],
): readonly Broken[] => entries.map(([title, config, at, reason]) => ({ title, config, at, reason }));

const model = 'model_list:\n  - {model_name: house, litellm_params: {model: openai/a}}\n';
const latin1 = new Uint8Array([...Buffer.from('model_list: []\n# caf'), 0xe9, 0x0a]);

export const brokenFiles: readonly Broken[] = [
  ...files([
    ['an empty file', '', 1, 'The file is blank'],
    ['a file of white space', '  \n\n', 1, 'The file is blank'],
    ['a file of comments', '# soon\n', 1, 'The file is blank'],
    ['a file that is gone', undefined, 1, 'The file does not exist'],
    ['bytes that are no UTF-8', latin1, 1, 'cannot be read as text'],
    ['a zero byte', 'model_list: []\u0000\n', 1, 'not a text file'],
    ['five mebibytes', `${model}# ${'x'.repeat(5 * 1024 * 1024)}\n`, 1, 'too large'],
    ['a list at the top', '- model_list\n', 1, 'does not hold a block of keys'],
    ['two documents', `${model}---\n${model}`, 3, 'more than one document'],
    ['a file cut inside a bracket', `${model}router_settings:\n  default_fallbacks: [a,`, 4, ''],
    ['a file cut inside a quote', `${model}general_settings:\n  litellm_key_header_name: "x-ke`, 4, 'missing'],
    ['a file cut inside an entry', 'model_list:\n  - {model_name: house, litellm_params: {model: op', 2, ''],
    ['a tab as indentation', `${model}router_settings:\n\tnum_retries: 1\n`, 4, 'A tab stands'],
    ['two colons on a line', `${model}router_settings: timeout: 3\n`, 3, 'A second colon'],
    ['a missing colon', `${model}router_settings:\n  timeout 3\n  num_retries: 1\n`, 4, 'more than one line'],
    ['indentation that is lost', `${model}router_settings:\n    timeout: 3\n  num_retries: 1\n`, 5, ''],
    ['a key that stands twice', `${model}${model}`, 3, 'stands twice; the first is on line 1'],
    ['a setting that stands twice', `router_settings:\n  timeout: 3\n  timeout: 4\n`, 3, 'stands twice'],
    ['an alias of nothing', 'router_settings:\n  timeout: *later\n', 2, 'names an anchor'],
    ['an alias inside itself', 'guardrails: &g\n  - a: *g\n', 2, 'stands inside what it names'],
    ['an escape that is unknown', 'general_settings:\n  litellm_key_header_name: "\\q"\n', 2, 'escape'],
    ['the key __proto__', '__proto__:\n  a: 1\n', 1, 'refused'],
    ['models as a block', 'model_list:\n  house: {model: openai/a}\n', 2, 'not a list'],
    ['models as a text', 'model_list: house\n', 1, 'not a list'],
    ['settings as a list', `${model}router_settings:\n  - timeout: 3\n`, 4, 'not a block of keys'],
    ['retries in words', `${model}router_settings:\n  num_retries: many\n`, 4, 'not a whole number'],
    ['retries below nothing', `${model}router_settings:\n  num_retries: -1\n`, 4, 'too small'],
    ['a timeout in words', `${model}router_settings:\n  timeout: soon\n`, 4, 'not a length of time'],
    ['a timeout of nothing', `${model}router_settings:\n  timeout: 0\n`, 4, 'too short'],
    ['a drain timeout beyond all timers', 'general_settings:\n  drain_timeout: 60d\n', 2, 'too long'],
    ['a switch in other words', `router_settings:\n  disable_cooldowns: perhaps\n`, 2, 'not a switch'],
    ['fallbacks as texts', 'router_settings:\n  fallbacks: [a, b]\n', 2, 'not a block'],
    ['fallback targets without a list', 'router_settings:\n  fallbacks:\n    - house: other\n', 3, 'not a list'],
    ['a strategy nobody knows', 'router_settings:\n  routing_strategy: simple-shufle\n', 2, 'Did you mean'],
    ['a strategy that is a number', 'router_settings:\n  routing_strategy: 3\n', 2, 'not a text'],
    ['an alias of a number', 'router_settings:\n  model_group_alias:\n    a: 3\n', 3, 'not a text'],
    ['a request size of nothing', 'general_settings:\n  max_request_size_mb: 0\n', 2, 'too small'],
    ['an address with a port', 'general_settings:\n  allowed_addresses: ["http://x:80"]\n', 2, 'not an address'],
    ['a master key without a value', 'general_settings:\n  master_key:\n', 2, 'stands without a value'],
    ['a master key of nobody', 'general_settings:\n  master_key: os.environ/NOBODY\n', 2, 'NOBODY is not set'],
    ['a misspelt master key', 'general_settings:\n  masterkey: sk-1234567890\n', 2, 'Did you mean "master_key"?'],
    ['a master key in a wrong block', 'master_key: sk-1234567890\n', 1, 'belongs into general_settings'],
    ['a lost way to sign in', 'general_settings:\n  enable_jwt_auth: true\n', 2, 'open to everybody'],
    ['a plugin that is a number', 'plugins:\n  - 3\n', 2, ''],
    ['a plugin without a name', 'plugins:\n  - as: mine\n', 2, 'use'],
    ['a plugin nobody has', 'plugins:\n  - protocol-opnai\n', 2, 'Did you mean "protocol-openai"?'],
    ['plugins as a block', 'plugins:\n  use: observer-log\n', 2, 'not a list'],
    ['an unknown way to fail', 'plugins:\n  - {use: observer-log, on_failure: maybe}\n', 2, 'on_failure'],
    ['trust in words', 'plugins:\n  - {use: observer-log, trust: surely}\n', 2, 'trust'],
    ['two instances of one name', 'plugins:\n  - observer-log\n  - observer-log\n', 3, 'Two entries are named'],
    ['an option nobody has', 'plugins:\n  - use: state-memory\n    config:\n      maxEntrys: 3\n', 4, 'Did you mean'],
    [
      'an option in words',
      'plugins:\n  - use: state-memory\n    config:\n      maxEntries: many\n',
      4,
      'refuses option',
    ],
    ['an option too small', 'plugins:\n  - use: state-memory\n    config:\n      maxEntries: 0\n', 4, 'refuses option'],
    ['a file that includes itself', 'include: [config.yaml]\n', 1, 'includes itself'],
    ['an include that is missing', `${model}include:\n  - none.yaml\n`, 4, 'does not exist'],
    ['an include that is a folder', `${model}include: [.]\n`, 3, 'names a folder'],
    ['an include that is a number', `${model}include: [3]\n`, 3, 'not a text'],
  ]),
  {
    title: 'a circle of includes',
    config: 'include: [circle.yaml]\n',
    files: { 'circle.yaml': '# back\ninclude: [config.yaml]\n' },
    at: 'circle.yaml:2',
    reason: 'includes itself',
  },
  {
    title: 'an include with broken syntax',
    config: 'include: [torn.yaml]\n',
    files: { 'torn.yaml': '# torn\nmodel_list: [\n' },
    at: 'torn.yaml:3',
    reason: 'not indented',
  },
  {
    title: 'an include with a wrong value',
    config: 'include: [wrong.yaml]\n',
    files: { 'wrong.yaml': 'router_settings:\n  num_retries: many\n' },
    at: 'wrong.yaml:2',
    reason: 'not a whole number',
  },
  {
    title: 'an include that takes the master key away',
    config: 'general_settings: {master_key: sk-1234567890}\ninclude: [general.yaml]\n',
    files: { 'general.yaml': 'general_settings: {drain_timeout: 3}\n' },
    at: 1,
    reason: 'master_key is lost',
  },
];
