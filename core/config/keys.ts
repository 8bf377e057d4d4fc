/**
 * Every key of the configuration file: its type, meaning and fate.
 *
 * The one table. Reading, warnings, the JSON Schema and the reference all
 * come from it; a capability that honours a key changes its fate here.
 */

import { agents, callbacks, files, guardrails, mcp, prompts, search, vectorStores } from './keys/capabilities.ts';
import { deploymentBlock, modelInfoBlock, parametersBlock } from './keys/deployment-keys.ts';
import { generalBlock } from './keys/general-keys.ts';
import { honoured, type KeyBlock, kept } from './keys/key.ts';
import { cacheBlock, litellmBlock } from './keys/litellm-keys.ts';
import { allowedFailsPolicyBlock, retryPolicyBlock, routerBlock } from './keys/router-keys.ts';

const rootBlock: KeyBlock = {
  doc: 'The whole file.',
  open: false,
  keys: {
    include: honoured(
      'text-or-texts',
      'Files read as if they stood here, relative to this one, or addresses such as s3://bucket/models.yaml: lists go on, other keys replace. At most 32 files in all.',
    ),
    environment_variables: honoured('map', 'Variables that references see, over those of the process.'),
    plugins: honoured(
      'plugins',
      'Plugins beside, or in place of, those that the rest calls for. The order is that of the hooks.',
    ),
    canary: honoured('block', 'Other plugins for a share of the callers, to be promoted or reverted.', {
      block: 'canary',
    }),
    plugin_trust: honoured(
      'block',
      'Which plugins that are not shipped may run, and which of them inside the gateway.',
      {
        block: 'plugin_trust',
      },
    ),
    derive: honoured('boolean', 'Whether the rest of the file calls for plugins.', { default: 'true' }),
    model_list: honoured('blocks', 'The models.', { block: 'deployment' }),
    router_settings: honoured('block', 'How deployments are chosen.', { block: 'router_settings' }),
    litellm_settings: honoured('block', 'What applies to every call.', { block: 'litellm_settings' }),
    general_settings: honoured('block', 'The gateway itself.', { block: 'general_settings' }),
    guardrails: guardrails('list', 'Checks of prompts and replies.'),
    mcp_servers: mcp('any', 'Servers of tools.'),
    mcp_tools: mcp('list', 'Tools of our own.'),
    mcp_aliases: mcp('map', 'Other names of servers of tools.'),
    agent_list: agents('list', 'Agents.'),
    credential_list: honoured('blocks', 'Credentials that deployments name.', { block: 'credential' }),
    vector_store_registry: vectorStores('list', 'Vector stores.'),
    prompts: prompts('list', 'Prompts, by name.'),
    policies: guardrails('any', 'Policies of checks.'),
    files_settings: files('list', 'Providers of files.'),
    finetune_settings: files('list', 'Providers of fine-tuning.'),
    assistant_settings: files('map', 'Provider of assistants.'),
    callback_settings: callbacks('map', 'Options of observers.'),
    search_tools: search('list', 'Providers of search.'),
  },
  families: [{ pattern: /^x-/, key: kept('any', 'A place for anchors; nothing reads it.') }],
};

const credentialBlock: KeyBlock = {
  doc: 'One credential, for the deployments that name it.',
  open: false,
  keys: {
    credential_name: honoured('text', 'Name.', { needsValue: true }),
    credential_values: honoured('map', 'Keys of `litellm_params`, such as `api_key` and `api_base`.'),
    credential_info: kept('map', 'For display.'),
  },
};

const pluginBlock: KeyBlock = {
  doc: 'One plugin. A bare text is its `use`.',
  open: false,
  keys: {
    use: honoured('text', 'A name, a folder such as `./mine`, or an address such as `s3://bucket/name@^1.2`.'),
    path: honoured('text', 'A folder, relative to the file.'),
    strategy: honoured('text', 'A strategy, by name.'),
    source: honoured('text', 'An address such as `s3://bucket/name`.'),
    as: honoured('text', 'Name of the instance; a plugin may stand twice.', { default: 'its own name' }),
    for: honoured('texts', 'Model groups it serves.', { default: 'all' }),
    trust: honoured('boolean', 'Run inside the gateway rather than in the sandbox.', {
      default: 'true for a name, false for a folder or an address',
    }),
    grants: honoured('block', 'What it may have in the sandbox.', { block: 'grants' }),
    place: honoured('text', 'Where a trusted plugin runs: inside, or in a worker thread off the event loop.', {
      default: 'what its manifest says, else in-process',
      choices: ['in-process', 'worker'],
    }),
    queue: honoured('integer', 'Calls that a plugin in a worker or the sandbox may have open; more are turned away.', {
      default: '256',
      min: 1,
      max: 4096,
    }),
    timeout: honoured('duration', 'Longest wait for one answer from a worker or the sandbox.', {
      default: '250ms for a strategy, 5s for an embedder, 1s for others',
      min: 1,
      max: 30_000,
    }),
    setup_timeout: honoured('duration', 'Longest time to load it, and to set it up, each.', {
      default: '10s; 2s in the sandbox',
      min: 1,
      max: 600_000,
    }),
    on_failure: honoured('text', 'When it cannot be set up.', {
      default: 'abort',
      choices: ['abort', 'continue', 'quarantine'],
    }),
    config: honoured('map', 'Its options.'),
  },
};

const canaryBlock: KeyBlock = {
  doc: 'A second composition beside the one in force: the same file with other plugins, for a share of the callers.',
  open: false,
  keys: {
    share: honoured('number', 'Share of credentials that it serves, such as `0.05`.', {
      min: 0,
      max: 1,
      needsValue: true,
    }),
    plugins: honoured('plugins', 'Entries that there replace those of the same instance name, or come beside them.', {
      needsValue: true,
    }),
  },
};

const grantsBlock: KeyBlock = {
  doc: 'What a plugin in the sandbox may have beyond what is harmless; its manifest asks for it under `needs`.',
  open: false,
  keys: {
    text: honoured('boolean', 'Words and headers of requests, words of replies.', { default: 'false' }),
    fetch: honoured('texts', 'Origins it may fetch from, such as `https://api.example.com`.', { default: 'none' }),
  },
};

const pluginTrustBlock: KeyBlock = {
  doc: 'Which plugins that are not shipped may run, and which of them inside the gateway. Shipped ones always may.',
  open: false,
  keys: {
    trusted: honoured('blocks', 'Keys and names that are trusted.', { block: 'trusted_plugins' }),
    signatures: honoured('text', 'Whether a plugin must be signed by a key under `trusted`.', {
      default: 'optional',
      choices: ['optional', 'required'],
    }),
    allow: honoured('texts', 'Plugins that may run, each `name` or `name@^1.2`.', { default: 'all' }),
    needs: honoured('texts', 'Abilities that they may ask for, such as `fetch`.', { default: 'all' }),
  },
};

const trustedPluginsBlock: KeyBlock = {
  doc: 'One key or one name that is trusted.',
  open: false,
  keys: {
    key: honoured('text', 'Public key, `ed25519:…`, as `rutter-plugin keygen` tells it.'),
    plugins: honoured('texts', 'What the key may sign, each `name` or `name@^1.2`.', { default: 'all' }),
    plugin: honoured('text', 'A plugin that is trusted unsigned, `name` or `name@^1.2`.'),
    needs: honoured('texts', 'Abilities that these plugins may ask for.', { default: 'those of the whole list' }),
  },
};

/** Descriptions by name; `root` is the file. */
export const blocks = {
  root: rootBlock,
  plugin: pluginBlock,
  canary: canaryBlock,
  grants: grantsBlock,
  credential: credentialBlock,
  deployment: deploymentBlock,
  litellm_params: parametersBlock,
  model_info: modelInfoBlock,
  router_settings: routerBlock,
  retry_policy: retryPolicyBlock,
  allowed_fails_policy: allowedFailsPolicyBlock,
  litellm_settings: litellmBlock,
  cache_params: cacheBlock,
  general_settings: generalBlock,
  plugin_trust: pluginTrustBlock,
  trusted_plugins: trustedPluginsBlock,
} as const satisfies Readonly<Record<string, KeyBlock>>;

type BlockName = keyof typeof blocks;

/** The description of a block; throws for a name that the table does not have, which is a mistake in the table. */
export function blockNamed(name: string | undefined): KeyBlock {
  const block = name !== undefined && Object.hasOwn(blocks, name) ? blocks[name as BlockName] : undefined;
  if (block === undefined) throw new Error(`The table of keys names a block "${name}" that it does not describe.`);
  return block;
}
