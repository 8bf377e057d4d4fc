/** Keys of `model_list[]`. */
import { plainPriceNames } from '../../pricing/price-keys.ts';
import { passThrough, prices as priceTable, translation, virtualKeys } from './capabilities.ts';
import { honoured, type Key, type KeyBlock, kept } from './key.ts';
import { ownFamilies, ownParameters } from './own-parameters.ts';

const requestParameters: Readonly<Record<string, Key>> = {
  temperature: honoured('number', 'Default for the request.'),
  top_p: honoured('number', 'Default for the request.'),
  top_k: honoured('number', 'Default for the request.'),
  n: honoured('integer', 'Default for the request.'),
  seed: honoured('integer', 'Default for the request.', { min: Number.MIN_SAFE_INTEGER }),
  stop: honoured('text-or-texts', 'Default for the request.'),
  max_tokens: honoured('integer', 'Default for the request.'),
  max_completion_tokens: honoured('integer', 'Default for the request.'),
  presence_penalty: honoured('number', 'Default for the request.'),
  frequency_penalty: honoured('number', 'Default for the request.'),
  logit_bias: honoured('map', 'Default for the request.'),
  logprobs: honoured('boolean', 'Default for the request.'),
  top_logprobs: honoured('integer', 'Default for the request.'),
  response_format: honoured('map', 'Default for the request.'),
  tools: honoured('list', 'Default for the request.'),
  tool_choice: honoured('any', 'Default for the request.'),
  parallel_tool_calls: honoured('boolean', 'Default for the request.'),
  reasoning_effort: honoured('any', 'Default for the request.'),
  thinking: honoured('map', 'Default for the request.'),
  web_search_options: honoured('map', 'Default for the request.'),
  service_tier: honoured('text', 'Default for the request.'),
  user: honoured('text', 'Default for the request.'),
  dimensions: honoured('integer', 'Default for an embeddings request.', { min: 1 }),
  encoding_format: honoured('text', 'Default for an embeddings request.'),
  input_type: honoured('text', 'Default for an embeddings request.'),
  safety_settings: honoured('list', 'Default for the request.'),
  voice: honoured('any', 'Default for a speech request.'),
  quality: honoured('text', 'Default for an image request.'),
  size: honoured('text', 'Default for an image request.'),
  stream: honoured('boolean', 'Default for the request.'),
  stream_options: honoured('map', 'Default for the request.'),
};

/** Names that are sent as defaults of a request; other known names are settings and never sent. */
export const requestParameterNames: ReadonlySet<string> = new Set(Object.keys(requestParameters));

const price = (doc: string): Key => honoured('price', `${doc} Dollars, as a number or a text such as "3e-7".`);

const prices: Readonly<Record<string, Key>> = {
  input_cost_per_token: price('Price of a prompt token.'),
  output_cost_per_token: price('Price of a reply token.'),
  cache_read_input_token_cost: price("Price of a prompt token read from the vendor's cache."),
  cache_creation_input_token_cost: price("Price of a prompt token written to the vendor's cache."),
  cache_creation_input_token_cost_above_1hr: price('Price of a prompt token written to a cache that lives an hour.'),
  output_cost_per_reasoning_token: price('Price of a reasoning token.'),
  input_cost_per_audio_token: price('Price of an audio token of the prompt.'),
  output_cost_per_audio_token: price('Price of an audio token of the reply.'),
  input_cost_per_request: price('Price of a call, whatever its tokens.'),
  tiered_pricing: honoured(
    'price-tiers',
    'Prices by length of the prompt: each tier has a `range` of tokens, its end included, and prices; one tier holds for the whole call.',
  ),
  search_context_cost_per_query: honoured(
    'prices',
    'Prices of a web search: `search_context_size_low`, `_medium` and `_high`.',
  ),
};

const otherPrice = price('A price of another unit, of longer prompts or of another service tier.');
const unheeded = priceTable('any', 'A price of another unit or tier, by its name in the price table.');
const endings = '(_(batches|batch|flex|priority|above_[0-9]{1,7}k_tokens))*';
const units = '(token|image|pixel|second|character|query|request|page|audio_per_second|video_per_second)';

const priceFamilies: KeyBlock['families'] = [
  { pattern: new RegExp(`^(${plainPriceNames.join('|')})${endings}$`), key: otherPrice },
  { pattern: new RegExp(`^(input|output)_cost_per_((audio|image|video|reasoning)_)?${units}`), key: unheeded },
  { pattern: /^cache_(read|creation)_input_((audio|image)_)?token_cost/, key: unheeded },
  { pattern: /^(search_context|file_search|code_interpreter|ocr)_cost_per_[a-z0-9_]+$/, key: unheeded },
];

/** Families of a vendor's settings, handed to its plugin and never sent as they are. */
const vendorFamilies: KeyBlock['families'] = [
  {
    pattern: /^(aws|vertex|azure|gcs|s3|watsonx|databricks|simulated)_[a-z0-9_]+$/,
    key: kept('any', 'Settings of one vendor, for its plugin.'),
  },
];

export const deploymentBlock: KeyBlock = {
  doc: 'One callable model. A bad one is skipped with a warning.',
  open: false,
  keys: {
    model_name: honoured('text', 'What callers ask for. Entries of one name share the load; `*` stands for any text.', {
      needsValue: true,
    }),
    litellm_params: honoured('block', 'How it is called.', { block: 'litellm_params', needsValue: true }),
    model_info: honoured('block', 'What is known of it.', { block: 'model_info' }),
    access_groups: honoured('texts', 'The same as in `model_info`.'),
  },
};

export const parametersBlock: KeyBlock = {
  doc: 'How a model is called. Keys that are not listed are sent to the vendor as defaults of the request.',
  open: true,
  keys: {
    model: honoured(
      'text',
      "`provider/name`, the vendor's name after the prefix; `*` takes what the caller's `*` stood for.",
      { needsValue: true },
    ),
    api_key: honoured('secret', "The vendor's key. Without it, the variable that the provider names is used."),
    api_base: honoured('text', "Base address, in place of the vendor's own."),
    base_url: honoured('text', 'Another name of `api_base`.'),
    api_version: honoured('text', "Version of the vendor's interface."),
    organization: honoured('text-or-texts', 'Organisation to call as; a list gives one deployment each.'),
    custom_llm_provider: honoured('text', 'Provider, when `model` has no prefix that says it.'),
    weight: honoured('number', 'Share of the load among deployments of one name.', { min: 0 }),
    order: honoured('integer', 'Lower ones are used first.', { min: Number.MIN_SAFE_INTEGER }),
    rpm: honoured('integer', 'Requests a minute that the vendor allows.'),
    tpm: honoured('integer', 'Tokens a minute that the vendor allows.'),
    max_parallel_requests: honoured('integer', 'Most calls at once.'),
    tags: honoured('texts', 'Tags by which requests choose it.'),
    tag_regex: honoured('patterns', "Regular expressions over the caller's user agent that choose it."),
    timeout: honoured('duration', 'Longest wait for a whole reply.', { min: 1 }),
    request_timeout: honoured('duration', 'Another name of `timeout`.', { min: 1 }),
    stream_timeout: honoured('duration', 'Longest wait for the first content of a stream.', { min: 1 }),
    num_retries: honoured('integer', 'Tries after the first.', { max: 100 }),
    max_retries: honoured('integer', 'Another name of `num_retries`.', { max: 100 }),
    cooldown_time: honoured('duration', 'How long it rests after failures; 0 for not at all.'),
    extra_headers: honoured('headers', 'Headers added to each call.'),
    headers: honoured('headers', 'Another name of `extra_headers`, which stands over it.'),
    ssl_verify: honoured(
      'boolean',
      'Whether its certificates are checked, in place of `litellm_settings.ssl_verify`, which may name a file of authorities.',
    ),
    extra_body: honoured('map', 'Fields added to each body.'),
    drop_params: kept('boolean', 'Leave out what the vendor does not support, instead of refusing it.'),
    modify_params: kept('boolean', 'Mend requests that the vendor would refuse.'),
    additional_drop_params: kept('texts', 'Parameters always left out.'),
    allowed_openai_params: kept('texts', 'Parameters passed on although the vendor is not known to support them.'),
    mock_response: honoured('any', 'Text answered in place of a call.'),
    model_id: kept('text', "What is called in the model's place, such as an ARN; `model` then says what it can do."),
    base_model: kept('text', 'Model behind the name of a deployment, where `model_info` does not say it.'),
    region_name: kept('text', 'Region of the vendor.'),
    tenant_id: kept('text', 'Tenant, for OAuth 2.'),
    client_id: kept('text', 'Client, for OAuth 2.'),
    client_secret: kept('secret', 'Secret of the client, for OAuth 2.'),
    azure_ad_token: kept('secret', 'Token of the directory.'),
    vertex_credentials: kept('any', 'Service account, as JSON or the path of a file.'),
    max_budget: kept('number', 'Most dollars it may cost within `budget_duration`.', { min: 0 }),
    budget_duration: kept('text', 'Window of `max_budget`: 30s, 30m, 30h, 30d or 1mo.'),
    litellm_credential_name: honoured(
      'text',
      'Name of an entry of `credential_list`, whose values stand for what is not said here.',
    ),
    use_in_pass_through: passThrough('boolean', 'Lend its credential to pass-through routes.'),
    silent_model: honoured('text', 'Group that gets a copy of each request; nobody waits for its answer.'),
    configurable_clientside_auth_params: honoured(
      'client-parameters',
      'What a caller may bring along: `api_key`, `api_base`, `api_version`, `organization`, each alone or with a regular expression.',
    ),
    merge_reasoning_content_in_choices: translation('boolean', 'Put reasoning into the text.'),
    ...requestParameters,
    ...prices,
    ...ownParameters,
  },
  families: [...priceFamilies, ...vendorFamilies, ...(ownFamilies ?? [])],
};

export const modelInfoBlock: KeyBlock = {
  doc: 'What is known of a model. Keys that are not listed are kept and shown.',
  open: true,
  keys: {
    id: honoured('text', 'Identity; otherwise a hash of the parameters.'),
    base_model: honoured('text', 'Model whose prices and limits apply.'),
    mode: honoured('text', 'Kind of work, such as chat or embedding.', { default: 'chat' }),
    max_input_tokens: honoured('integer', 'Longest prompt.'),
    max_output_tokens: honoured('integer', 'Longest reply.'),
    max_tokens: honoured('integer', 'Longest reply, where the two above are not told apart.'),
    litellm_provider: kept('text', 'Provider, for display.'),
    description: kept('text', 'For display.'),
    version: kept('any', 'For display.'),
    supported_environments: honoured(
      'texts',
      'Values of LITELLM_ENVIRONMENT with which it is used; elsewhere it is left out.',
    ),
    access_groups: honoured('texts', 'Names by which keys may be given all models that carry them.'),
    health_check_model: honoured('text', 'Model asked in health checks, of a wildcard for instance.'),
    health_check_timeout: honoured('duration', 'Longest wait of a health check.', { default: '60s', min: 1 }),
    team_id: virtualKeys('text', 'Team that alone may use it.'),
    ...prices,
  },
  families: [
    ...priceFamilies,
    { pattern: /^supports_[a-z0-9_]+$/, key: kept('boolean', 'Something the model can do.') },
  ],
};
