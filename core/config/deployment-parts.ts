/** Divides what a deployment says into defaults of requests, settings, and secrets. */
import type { Secret } from '@rutter/plugin-sdk';
import { createSecret } from '../upstream/secret.ts';
import type { ReadBlock } from './block-reader.ts';
import { requestParameterNames } from './keys/deployment-keys.ts';
import { keyIn } from './keys/key.ts';
import { blocks } from './keys.ts';
import { isPriceKey } from './prices.ts';
import { isSecretName } from './secrets.ts';
import { type Block, isUnset, type Tree, toPlain } from './tree.ts';
import type { DeploymentSettings } from './types.ts';

/** Keys with a field of their own in {@link DeploymentSettings}. */
const ownFields = new Set([
  ...[
    'model',
    'api_key',
    'api_base',
    'base_url',
    'api_version',
    'organization',
    'custom_llm_provider',
    'weight',
    'order',
  ],
  ...['rpm', 'tpm', 'max_parallel_requests', 'tags', 'tag_regex', 'timeout', 'request_timeout', 'stream_timeout'],
  ...['num_retries', 'max_retries', 'cooldown_time', 'headers', 'extra_headers', 'extra_body'],
  ...['silent_model', 'ssl_verify'],
  ...['litellm_credential_name', 'configurable_clientside_auth_params'],
]);

export type Parts = Pick<DeploymentSettings, 'apiKey' | 'defaults' | 'secrets' | 'params' | 'info'>;

export function parameterParts(parameters: ReadBlock, info: ReadBlock | undefined, provider: string): Parts {
  const key = parameters.values.get('api_key');
  const defaults: Record<string, unknown> = {};
  const secrets: Record<string, Secret> = {};
  const params: Record<string, unknown> = {};
  for (const [name, { value: tree }] of parameters.tree.entries) {
    if (ownFields.has(name) || isPriceKey(name) || isUnset(tree)) continue;
    const isKnown = keyIn(blocks.litellm_params, name) !== undefined;
    const value = sentValue(parameters.values.get(name), tree);
    if (isSecretName(name)) secrets[name] = createSecret(typeof value === 'string' ? value : JSON.stringify(value));
    else if (requestParameterNames.has(name)) defaults[name] = value;
    else {
      // A name the table does not have may be a field of the vendor's body or a setting of its plugin.
      if (!isKnown && !isSetting(name, provider)) defaults[name] = value;
      params[name] = isKnown ? value : openPart(tree);
    }
  }
  return {
    apiKey: typeof key === 'string' ? createSecret(key) : undefined,
    defaults,
    secrets,
    params,
    info: info === undefined ? {} : openBlock(info.tree),
  };
}

/** As written, except that a number or switch from the environment becomes one. */
function sentValue(coerced: unknown, tree: Tree): unknown {
  return typeof coerced === 'number' || typeof coerced === 'boolean' ? coerced : toPlain(tree);
}

/** By its name not a field of a request: a price, or a setting that begins with the provider's name. */
function isSetting(name: string, provider: string): boolean {
  return name.includes('_cost_') || name.startsWith(`${provider.replaceAll('-', '_')}_`);
}

/** Plain values without anything that is named as a secret. */
function openPart(tree: Tree): unknown {
  if (tree.kind === 'leaf') return tree.value;
  return tree.kind === 'list' ? tree.items.map(openPart) : openBlock(tree);
}

function openBlock(block: Block): Record<string, unknown> {
  const plain: Record<string, unknown> = {};
  for (const [name, { value }] of block.entries)
    if (!isSecretName(name) && !isUnset(value)) plain[name] = openPart(value);
  return plain;
}
