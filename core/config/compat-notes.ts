/**
 * Where a LiteLLM file means something else here than there. The one table:
 * `rutter doctor` shows what a file is concerned by, the docs show all of it.
 */

export interface CompatNote {
  readonly topic: string;
  /** Keys that bring it up, `[]` for any entry of a list; none where it concerns every file. */
  readonly keys: readonly string[];
  /** It concerns files in which the variable of a key is not set, rather than those that have the key. */
  readonly isOfUnset?: true;
  readonly litellm: string;
  readonly here: string;
}

export const compatNotes: readonly CompatNote[] = [
  {
    topic: 'A model without a known price',
    keys: [],
    litellm: 'costs 0.',
    here: 'has an unknown cost, which is never counted as zero; the log names the model once.',
  },
  {
    topic: 'A key that may not call a model',
    keys: [],
    litellm: 'answered 401 until 2026.',
    here: '403.',
  },
  {
    topic: 'Plain errors of status 400',
    keys: [],
    litellm: 'older versions tried them again.',
    here: 'are never tried again: the same request would get the same answer.',
  },
  {
    topic: 'A stream that breaks after content',
    keys: [],
    litellm: 'may go on with a fallback and repeat text.',
    here: 'ends with one error event; text that was sent is never sent again.',
  },
  {
    topic: 'Parameters of every deployment',
    keys: ['router_settings.default_litellm_params'],
    litellm: "stand over a deployment's own.",
    here: "stand under a deployment's own.",
  },
  {
    topic: 'Addresses that callers bring along',
    keys: ['model_list[].litellm_params.configurable_clientside_auth_params'],
    litellm: "calls an address of the caller's with the deployment's key where none is brought along.",
    here: "asks for a key beside it, sends nothing of the deployment's there, and calls public addresses only, or those of `allowed_addresses`.",
  },
  {
    topic: 'Keys and addresses in requests',
    keys: [],
    litellm: 'lets a caller name any `api_base` when `api_key` stands beside it.',
    here: 'refuses both unless the deployment lists them in `configurable_clientside_auth_params`.',
  },
  {
    topic: 'Too many requests at once',
    keys: ['general_settings.global_max_parallel_requests'],
    litellm: 'answers 429.',
    here: 'answers 503 with `retry-after`.',
  },
  {
    topic: 'The address of a caller behind a proxy',
    keys: ['general_settings.use_x_forwarded_for'],
    litellm: 'is the whole of `X-Forwarded-For`.',
    here: 'is the last entry of it, which the proxy itself wrote.',
  },
  {
    topic: 'The trace',
    keys: ['litellm_settings.forward_traceparent_to_llm_provider'],
    litellm: 'goes to vendors when this is true.',
    here: 'goes to vendors unless this is false.',
  },
  {
    topic: 'Headers of clients that are passed on',
    keys: ['general_settings.forward_client_headers_to_llm_api'],
    litellm: 'are all that begin with `x-`, but `x-stainless-…`.',
    here: 'are the same without `x-litellm-…` and `x-rutter-…`, and never one that holds a credential.',
  },
  {
    topic: 'The longest wait for a call',
    keys: ['litellm_settings.request_timeout', 'router_settings.timeout'],
    litellm: 'is 6000 s when neither is set.',
    here: 'is 600 s when neither is set.',
  },
  {
    topic: 'Requests that name no end user',
    keys: ['general_settings.enforce_user_param'],
    litellm: 'must have `user` in the body.',
    here: 'may name it in a header too.',
  },
  {
    topic: "Callers' tags",
    keys: ['general_settings.reject_clientside_metadata_tags'],
    litellm: 'are refused in `metadata.tags`.',
    here: 'are refused in `tags`, `litellm_metadata.tags` and the header `x-litellm-tags` too.',
  },
  {
    topic: 'Blocks that an included file replaces',
    keys: ['include'],
    litellm: 'are replaced without a word.',
    here: 'are replaced too, with a warning that names the keys that are lost; a lost master key is an error.',
  },
  {
    topic: 'A master key whose variable is not set',
    keys: ['general_settings.master_key'],
    litellm: 'may leave the gateway open.',
    here: 'keeps it from starting.',
  },
  {
    topic: 'An address whose variable is not set',
    keys: ['model_list[].litellm_params.api_base'],
    isOfUnset: true,
    litellm: "falls back to the vendor's own address.",
    here: 'leaves the deployment out, with a warning: calls would go to another place than was meant.',
  },
  {
    topic: '`router_settings` of a key or a team',
    keys: [
      'general_settings.database_url',
      'general_settings.store_model_in_db',
      'litellm_settings.default_key_generate_params',
      'litellm_settings.default_team_params',
      'litellm_settings.default_team_settings',
    ],
    litellm: "stand over those of the file, a key's over its team's.",
    here: 'are those of numbers of retries, timeouts and fallbacks, from whoever identifies: a guard gives them as `routing` of the principal. Virtual keys will fill it; until then a plugin does.',
  },
  {
    topic: 'Copies for a silent model',
    keys: ['model_list[].litellm_params.silent_model'],
    litellm: 'are sent for every call.',
    here: 'are sent for chats of up to 1 MiB, whole rather than streamed, with a row of their own in the ledger.',
  },
  {
    topic: 'Health checks of models that make images or sound',
    keys: ['general_settings.background_health_checks'],
    litellm: 'call them, and cost what that costs.',
    here: 'do not call them; `GET /health` lists them as unchecked.',
  },
  {
    topic: 'Python code',
    keys: ['general_settings.custom_auth', 'general_settings.custom_sso', 'general_settings.custom_key_generate'],
    litellm: 'runs inside the proxy.',
    here: 'does not run; a plugin takes its place.',
  },
];

/** The notes that a file is concerned by; `settings` are its plain values, `unset` the paths of references without a value. */
export function notesFor(settings: Readonly<Record<string, unknown>>, unset: readonly string[]): readonly CompatNote[] {
  const missing = new Set(unset.map((path) => path.replace(/\[\d+\]/g, '[]')));
  return compatNotes.filter(({ keys, isOfUnset }) =>
    isOfUnset
      ? keys.some((key) => missing.has(key))
      : keys.length === 0 || keys.some((key) => isSet(settings, key.split('.'))),
  );
}

function isSet(value: unknown, [step, ...rest]: readonly string[]): boolean {
  if (step === undefined) return value !== undefined && value !== null;
  if (typeof value !== 'object' || value === null) return false;
  const name = step.replace('[]', '');
  const inner = (value as Record<string, unknown>)[name];
  if (!step.endsWith('[]')) return isSet(inner, rest);
  return Array.isArray(inner) && inner.some((item) => isSet(item, rest));
}
