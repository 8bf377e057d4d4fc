/**
 * Calls to Anthropic's Messages API.
 *
 * `api_base` may be given with or without `/v1`, or with the whole path.
 */
import { type Deployment, definePlugin, type TokenCount, z } from '@rutter/plugin-sdk';
import { anthropicFailure, anthropicMessagesCodec } from '@rutter/plugin-sdk/codecs';

const config = z.strictObject({
  origin: z.url().default('https://api.anthropic.com').describe('Base address of deployments that name none.'),
  defaultMaxTokens: z
    .int()
    .min(1)
    .default(4096)
    .describe('Output limit of callers who set none, where model_info.max_output_tokens does not say.'),
});

/** Fields that count: https://docs.anthropic.com/en/api/messages-count-tokens takes no others. */
const counted = ['model', 'messages', 'system', 'tools', 'tool_choice', 'thinking', 'output_config', 'mcp_servers'];

const count: TokenCount = {
  request: ({ path, headers, body }) => ({
    path: `${path}/count_tokens`,
    ...(headers && { headers }),
    body: Object.fromEntries(Object.entries(body as object).filter(([name]) => counted.includes(name))),
  }),
  tokens: ({ input_tokens: tokens }: { readonly input_tokens?: unknown }) =>
    typeof tokens === 'number' ? tokens : undefined,
};

export default definePlugin({
  kind: 'provider',
  config,
  setup(_host, { origin, defaultMaxTokens }) {
    const path = ({ apiBase = origin }: Deployment) => {
      const base = apiBase.replace(/\/+$/, '');
      if (base.endsWith('/v1/messages')) return '';
      return base.endsWith('/v1') ? '/messages' : '/v1/messages';
    };
    return {
      origin,
      auth: { scheme: 'header', header: 'x-api-key', variable: 'ANTHROPIC_API_KEY' },
      chat: { ...anthropicMessagesCodec({ path, defaultMaxTokens }), count },
      failure: anthropicFailure,
    };
  },
});
