/** What `general_settings` and `litellm_settings` say of callers: who may call what, and what a call must say. */
import type { ReadBlock } from './block-reader.ts';
import type { CallerSettings } from './types.ts';

/** Operations whose model a key forces, by the key. */
const forcing: Readonly<Record<string, readonly string[]>> = {
  completion_model: ['chat', 'completions'],
  embedding_model: ['embeddings'],
};

/** LiteLLM's name of the routes that are public anyway. */
const alreadyPublic = 'LiteLLMRoutes.public_routes';

export function callerSettings(general: ReadBlock | undefined, litellm: ReadBlock | undefined): CallerSettings {
  const value = <T>(name: string): T | undefined => general?.values.get(name) as T | undefined;
  const forced = Object.entries(forcing).flatMap(([key, operations]) => {
    const model = value<string>(key);
    return model === undefined ? [] : operations.map((operation) => [operation, model] as const);
  });
  return {
    forcedModels: Object.fromEntries(forced),
    modelAliases: (litellm?.values.get('model_alias_map') as CallerSettings['modelAliases'] | undefined) ?? new Map(),
    mustNameUser: value('enforce_user_param') ?? false,
    requiredFields: value('enforced_params') ?? [],
    userHeaders: userHeaders(value('user_header_name'), value('user_header_mappings')),
    refusesTags: value('reject_clientside_metadata_tags') ?? false,
    allowedIps: value('allowed_ips'),
    trustsForwardedFor: value('use_x_forwarded_for') ?? false,
    publicPaths: (value<string[]>('public_routes') ?? []).filter((path) => path !== alreadyPublic),
    adminPaths: value('admin_only_routes') ?? [],
    allowedPaths: value('allowed_routes'),
  };
}

/** Those of mappings first, as LiteLLM reads them; only customers are end users. */
function userHeaders(name: string | undefined, mappings: readonly unknown[] | undefined): readonly string[] {
  const mapped = (mappings ?? []).flatMap((mapping) => {
    const { header_name: header, litellm_user_role: role } = (mapping ?? {}) as Record<string, unknown>;
    return typeof header === 'string' && role === 'customer' ? [header] : [];
  });
  const all = name === undefined ? mapped : [...mapped, name];
  return [...new Set([...all, ...standardHeaders].map((header) => header.toLowerCase()))];
}

/** Always understood. */
const standardHeaders = ['x-litellm-customer-id', 'x-litellm-end-user-id'];
