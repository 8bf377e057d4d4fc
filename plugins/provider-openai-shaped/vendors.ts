/**
 * Every vendor whose API has OpenAI's shape, as data.
 *
 * A vendor that needs more than a row can say gets a plugin of its own.
 * Prefixes and variables are spelled as LiteLLM spells them.
 */

export interface Vendor {
  /** As messages and the table call it. */
  readonly name: string;
  readonly prefixes: readonly string[];
  /** Base address; '' where each deployment, or a variable, names its own. */
  readonly origin: string;
  /** Variables of the key; the first that is filled counts. */
  readonly keys: readonly string[];
  /** Variables of the base address. */
  readonly bases: readonly string[];
  /** Runs at home: a key is sent where there is one. */
  readonly isKeyOptional?: true;
  /** Parameters it refuses or ignores though they ask for something. */
  readonly lacks?: readonly string[];
  /** The same of some of its models. */
  readonly lacksOf?: { readonly models: RegExp; readonly what: string; readonly lacks: readonly string[] };
  /** The one name it has for the output limit. */
  readonly limitName?: 'max_tokens' | 'max_completion_tokens';
  /** What `tool_choice: required` becomes; null where there is nothing like it. */
  readonly requiredChoice?: string | null;
  /** `tool_choice` cannot name a tool. */
  readonly lacksNamedChoice?: true;
  /** Where it takes reasoning of the history; reasoning is left out where this is absent. */
  readonly historyReasoning?: 'reasoning' | 'reasoning_content';
  /** Its OpenAI models keep OpenAI's rules for reasoning models. */
  readonly hasOpenAiModels?: true;
  /** The vendor's name of a model. */
  readonly modelName?: (model: string) => string;
  /** What else is to know, for the table. */
  readonly note?: string;
}

const sampling = ['presence_penalty', 'frequency_penalty'];
const tools = ['tools', 'tool_choice', 'parallel_tool_calls'];
const logprobs = ['logprobs', 'top_logprobs'];

/** `provider/organisation/model`, as LiteLLM has it, is `organisation/model:provider` to Hugging Face's router. */
function huggingFaceName(model: string): string {
  const [provider, organisation, name, ...rest] = model.split('/');
  return organisation !== undefined && name !== undefined && rest.length === 0
    ? `${organisation}/${name}:${provider}`
    : model;
}

const fireworksName = (model: string): string =>
  model.startsWith('accounts/') || model.includes('#') ? model : `accounts/fireworks/models/${model}`;

const row = (name: string, prefix: string, origin: string, keys: string, more: Partial<Vendor> = {}): Vendor => ({
  name,
  prefixes: [prefix],
  origin,
  keys: keys.split(' '),
  bases: [`${prefix.toUpperCase().replaceAll('-', '_')}_API_BASE`],
  ...more,
});

export const vendors: readonly Vendor[] = [
  row('AI21', 'ai21_chat', 'https://api.ai21.com/studio/v1', 'AI21_API_KEY', {
    prefixes: ['ai21_chat', 'ai21'],
    bases: ['AI21_API_BASE'],
  }),
  row('AIHubMix', 'aihubmix', 'https://aihubmix.com/v1', 'AIHUBMIX_API_KEY'),
  row('AI/ML API', 'aiml', 'https://api.aimlapi.com/v1', 'AIML_API_KEY'),
  row('Anyscale', 'anyscale', 'https://api.endpoints.anyscale.com/v1', 'ANYSCALE_API_KEY'),
  row('Baseten', 'baseten', 'https://inference.baseten.co/v1', 'BASETEN_API_KEY'),
  row('Cerebras', 'cerebras', 'https://api.cerebras.ai/v1', 'CEREBRAS_API_KEY', {
    lacks: [...sampling, 'logit_bias'],
    limitName: 'max_completion_tokens',
    historyReasoning: 'reasoning',
  }),
  row('Chutes', 'chutes', 'https://llm.chutes.ai/v1', 'CHUTES_API_KEY', { limitName: 'max_tokens' }),
  row('CometAPI', 'cometapi', 'https://api.cometapi.com/v1', 'COMETAPI_KEY COMETAPI_API_KEY'),
  row('CompactifAI', 'compactifai', 'https://api.compactif.ai/v1', 'COMPACTIFAI_API_KEY'),
  row('Crusoe', 'crusoe', 'https://managed-inference-api-proxy.crusoecloud.com/v1', 'CRUSOE_API_KEY', {
    limitName: 'max_tokens',
  }),
  row('DashScope', 'dashscope', 'https://dashscope-intl.aliyuncs.com/compatible-mode/v1', 'DASHSCOPE_API_KEY', {
    historyReasoning: 'reasoning_content',
    note: '`enable_thinking` and `thinking_budget` pass',
  }),
  row('DeepInfra', 'deepinfra', 'https://api.deepinfra.com/v1/openai', 'DEEPINFRA_API_KEY', {
    requiredChoice: null,
    lacksNamedChoice: true,
  }),
  row(
    'Docker Model Runner',
    'docker_model_runner',
    'http://127.0.0.1:12434/engines/v1',
    'DOCKER_MODEL_RUNNER_API_KEY',
    {
      isKeyOptional: true,
    },
  ),
  row('Empower', 'empower', 'https://app.empower.dev/api/v1', 'EMPOWER_API_KEY'),
  row('Featherless', 'featherless_ai', 'https://api.featherless.ai/v1', 'FEATHERLESS_AI_API_KEY FEATHERLESS_API_KEY', {
    bases: ['FEATHERLESS_API_BASE'],
  }),
  row('Fireworks', 'fireworks_ai', 'https://api.fireworks.ai/inference/v1', 'FIREWORKS_API_KEY', {
    keys: ['FIREWORKS_API_KEY', 'FIREWORKS_AI_API_KEY', 'FIREWORKSAI_API_KEY', 'FIREWORKS_AI_TOKEN'],
    bases: ['FIREWORKS_API_BASE'],
    limitName: 'max_tokens',
    requiredChoice: 'any',
    historyReasoning: 'reasoning_content',
    modelName: fireworksName,
    note: 'a name without `accounts/` is one of `accounts/fireworks/models/`',
  }),
  row('Friendli', 'friendliai', 'https://api.friendli.ai/serverless/v1', 'FRIENDLIAI_API_KEY FRIENDLI_TOKEN', {
    bases: ['FRIENDLI_API_BASE'],
  }),
  row('Galadriel', 'galadriel', 'https://api.galadriel.com/v1', 'GALADRIEL_API_KEY'),
  row('GitHub Models', 'github', 'https://models.github.ai/inference', 'GITHUB_API_KEY', { hasOpenAiModels: true }),
  row('GMI', 'gmi', 'https://api.gmi-serving.com/v1', 'GMI_API_KEY'),
  row('Helicone', 'helicone', 'https://ai-gateway.helicone.ai', 'HELICONE_API_KEY'),
  row('Heroku', 'heroku', 'https://us.inference.heroku.com/v1', 'HEROKU_API_KEY'),
  row('Hugging Face', 'huggingface', 'https://router.huggingface.co/v1', 'HUGGINGFACE_API_KEY HF_TOKEN', {
    bases: ['HUGGINGFACE_API_BASE', 'HF_API_BASE'],
    modelName: huggingFaceName,
    note: '`provider/organisation/model` becomes `organisation/model:provider`',
  }),
  row('Hyperbolic', 'hyperbolic', 'https://api.hyperbolic.xyz/v1', 'HYPERBOLIC_API_KEY'),
  row('Lambda', 'lambda_ai', 'https://api.lambda.ai/v1', 'LAMBDA_API_KEY', { bases: ['LAMBDA_API_BASE'] }),
  row('Lemonade', 'lemonade', 'http://127.0.0.1:8000/api/v1', 'LEMONADE_API_KEY', { isKeyOptional: true }),
  row('LiteLLM proxy', 'litellm_proxy', '', 'LITELLM_PROXY_API_KEY', {
    isKeyOptional: true,
    historyReasoning: 'reasoning_content',
  }),
  row('Llama API', 'meta_llama', 'https://api.llama.com/compat/v1', 'LLAMA_API_KEY', { bases: ['LLAMA_API_BASE'] }),
  row('Llamafile', 'llamafile', 'http://127.0.0.1:8080/v1', 'LLAMAFILE_API_KEY', { isKeyOptional: true }),
  row('LM Studio', 'lm_studio', 'http://127.0.0.1:1234/v1', 'LM_STUDIO_API_KEY', { isKeyOptional: true }),
  row('MiniMax', 'minimax', 'https://api.minimax.io/v1', 'MINIMAX_API_KEY', {
    historyReasoning: 'reasoning_content',
    note: 'errors inside a 200 (`base_resp`) are read',
  }),
  row('Moonshot', 'moonshot', 'https://api.moonshot.ai/v1', 'MOONSHOT_API_KEY', {
    lacks: ['functions', 'function_call'],
    limitName: 'max_tokens',
    requiredChoice: null,
    historyReasoning: 'reasoning_content',
    note: '`usage.cached_tokens` counts as cached',
  }),
  row('Morph', 'morph', 'https://api.morphllm.com/v1', 'MORPH_API_KEY'),
  row('NanoGPT', 'nano-gpt', 'https://nano-gpt.com/api/v1', 'NANOGPT_API_KEY', { limitName: 'max_tokens' }),
  row('Nebius', 'nebius', 'https://api.studio.nebius.ai/v1', 'NEBIUS_API_KEY'),
  row('Novita', 'novita', 'https://api.novita.ai/v3/openai', 'NOVITA_API_KEY'),
  row('Nscale', 'nscale', 'https://inference.api.nscale.com/v1', 'NSCALE_API_KEY'),
  row('NVIDIA NIM', 'nvidia_nim', 'https://integrate.api.nvidia.com/v1', 'NVIDIA_NIM_API_KEY', {
    limitName: 'max_tokens',
  }),
  row('OVHcloud', 'ovhcloud', 'https://oai.endpoints.kepler.ai.cloud.ovh.net/v1', 'OVHCLOUD_API_KEY'),
  row('Perplexity', 'perplexity', 'https://api.perplexity.ai', 'PERPLEXITYAI_API_KEY PERPLEXITY_API_KEY', {
    lacks: [...tools, ...logprobs, 'n', 'seed', 'stop', 'logit_bias'],
    limitName: 'max_tokens',
    note: '`citations` and `search_results` are kept; reasoning tokens count beside the completion',
  }),
  row('Poe', 'poe', 'https://api.poe.com/v1', 'POE_API_KEY', { limitName: 'max_tokens' }),
  row('PublicAI', 'publicai', 'https://api.publicai.co/v1', 'PUBLICAI_API_KEY', { limitName: 'max_tokens' }),
  row('SambaNova', 'sambanova', 'https://api.sambanova.ai/v1', 'SAMBANOVA_API_KEY', {
    lacks: [...sampling, ...logprobs, 'n', 'logit_bias'],
  }),
  row('Scaleway', 'scaleway', 'https://api.scaleway.ai/v1', 'SCW_SECRET_KEY'),
  row('Synthetic', 'synthetic', 'https://api.synthetic.new/openai/v1', 'SYNTHETIC_API_KEY', {
    limitName: 'max_tokens',
  }),
  row('v0', 'v0', 'https://api.v0.dev/v1', 'V0_API_KEY'),
  row('Venice', 'veniceai', 'https://api.venice.ai/api/v1', 'VENICE_AI_API_KEY', { bases: ['VENICE_AI_API_BASE'] }),
  row('Vercel AI Gateway', 'vercel_ai_gateway', 'https://ai-gateway.vercel.sh/v1', 'VERCEL_AI_GATEWAY_API_KEY', {
    keys: ['VERCEL_AI_GATEWAY_API_KEY', 'VERCEL_OIDC_TOKEN'],
    historyReasoning: 'reasoning',
  }),
  row('Volcengine', 'volcengine', 'https://ark.cn-beijing.volces.com/api/v3', 'VOLCENGINE_API_KEY ARK_API_KEY', {
    historyReasoning: 'reasoning_content',
    note: '`thinking` passes',
  }),
  row('Weights & Biases', 'wandb', 'https://api.inference.wandb.ai/v1', 'WANDB_API_KEY'),
  row('xAI', 'xai', 'https://api.x.ai/v1', 'XAI_API_KEY', {
    lacksOf: { models: /^grok-(?:3-mini|[4-9]|code)/, what: 'reasoning models', lacks: [...sampling, 'stop'] },
    historyReasoning: 'reasoning_content',
    note: 'reasoning tokens count beside the completion',
  }),
  row('Xiaomi MiMo', 'xiaomi_mimo', 'https://api.xiaomimimo.com/v1', 'XIAOMI_MIMO_API_KEY', {
    limitName: 'max_tokens',
    historyReasoning: 'reasoning_content',
  }),
  row('Xinference', 'xinference', 'http://127.0.0.1:9997/v1', 'XINFERENCE_API_KEY', { isKeyOptional: true }),
  row('Z.ai', 'zai', 'https://api.z.ai/api/paas/v4', 'ZAI_API_KEY', {
    limitName: 'max_tokens',
    historyReasoning: 'reasoning_content',
    note: '`thinking` passes',
  }),
];
