/**
 * The OpenAI dialect for clients: chat, text completions, embeddings, and the
 * list of models, under every path that clients of OpenAI, of LiteLLM and of
 * Azure OpenAI use.
 */
import { definePlugin, type ModelRoute, type Route, RutterError } from '@rutter/plugin-sdk';
import { openAiChatDialect, openAiCompletionsDialect, openAiEmbeddingsDialect } from '@rutter/plugin-sdk/codecs';

const operations = {
  'chat/completions': openAiChatDialect,
  completions: openAiCompletionsDialect,
  embeddings: openAiEmbeddingsDialect,
};

const prefixes = ['', '/v1', '/engines/:model', '/openai/deployments/:model'];

const modelRoutes = Object.entries(operations).flatMap(([path, { name }]) =>
  prefixes.map(
    (prefix): ModelRoute => ({
      method: 'POST',
      mode: 'model',
      path: `${prefix}/${path}`,
      permission: 'model.call',
      dialect: name,
    }),
  ),
);

export default definePlugin({
  kind: 'protocol',
  setup(host) {
    const models = host.use('models');
    // Nobody knows when a group was made; what clients need is a number that stays the same.
    const created = host.keep('created', 1, () => Math.floor(host.clock.now() / 1000));
    const entry = (id: string) => ({ id, object: 'model', created, owned_by: 'rutter' });

    const listRoutes = ['/models', '/v1/models'].flatMap((path): Route[] => [
      {
        method: 'GET',
        mode: 'json',
        path,
        permission: 'model.read',
        handler: ({ context }) => ({ body: { object: 'list', data: models.list(context).map(({ id }) => entry(id)) } }),
      },
      {
        method: 'GET',
        mode: 'json',
        // Names may hold slashes, as `openai/gpt-4o` does.
        path: `${path}/*id`,
        permission: 'model.read',
        handler({ context, params }) {
          const { id = '' } = params;
          if (models.list(context).some((model) => model.id === id)) return { body: entry(id) };
          throw new RutterError(
            'ERR_REQUEST_NOT_FOUND',
            `There is no model ${JSON.stringify(id.slice(0, 100))} that this key may call.`,
            {
              param: 'model',
            },
          );
        },
      },
    ]);
    return { routes: [...modelRoutes, ...listRoutes], dialects: Object.values(operations) };
  },
});
