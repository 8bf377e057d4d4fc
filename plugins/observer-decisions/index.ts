/**
 * Keeps, for the latest requests, how deployments were chosen, and tells it;
 * tells too what would be chosen for a request that is not made.
 *
 * Whoever is no administrator sees only what was decided for itself.
 */
import { definePlugin, type RouteRequest, RutterError, z } from '@rutter/plugin-sdk';
import { Peers } from './peers.ts';
import { keptOf, seesAll, type ToldRecord, told, toldDecision, toldInfo } from './record.ts';
import { type Query, Ring, readQuery } from './search.ts';

const config = z.strictObject({
  keep: z
    .int()
    .min(1)
    .max(20_000)
    .default(1000)
    .describe('Requests whose decisions are kept, in each process; the oldest go first.'),
});

/** Bodies of dry runs are as large as those of requests. */
const mostBodyBytes = 4 * 1024 * 1024;

export default definePlugin({
  kind: 'observer',
  config,
  async setup(host, { keep }) {
    const routing = host.use('routing');
    const ring = host.keep(`ring-${keep}`, 1, () => new Ring(keep));
    const peers = new Peers<Query, ToldRecord>(host, host.use('state'), (query) => ring.find(query).map(told));
    await peers.open(host.every);

    async function decisions({ query, context }: RouteRequest) {
      const asked = readQuery(query, seesAll(context.principal) ? undefined : context.principal.id);
      const found = [...(await peers.ask(asked))].sort((a, b) => b.at.localeCompare(a.at)).slice(0, asked.limit);
      return { body: { decisions: found, count: found.length } };
    }

    async function decide({ json, context }: RouteRequest) {
      const decision = await routing.decide(context, bodyOf(json));
      return { body: { request_id: context.id, dry_run: true, ...toldDecision(decision) } };
    }

    return {
      settled: (outcome) => ring.add(keptOf(outcome)),
      routes: [
        { method: 'GET', path: '/router/decisions', mode: 'json', permission: 'model.read', handler: decisions },
        {
          ...{ method: 'POST', path: '/router/route', mode: 'json', permission: 'model.call' },
          maxBodyBytes: mostBodyBytes,
          handler: decide,
        },
        {
          ...{ method: 'GET', path: '/router/info', mode: 'json', permission: 'model.read' },
          handler: ({ context }: RouteRequest) => ({
            body: { ...toldInfo(routing.info(context)), decisions_kept: ring.size },
          }),
        },
      ],
      dispose: () => peers.close(),
    };
  },
});

/** A chat request, or a question alone as `query`. Throws ERR_REQUEST_INVALID for what is neither. */
function bodyOf(json: unknown): Readonly<Record<string, unknown>> {
  const body =
    typeof json === 'object' && json !== null && !Array.isArray(json) ? (json as Record<string, unknown>) : {};
  const { query, ...fields } = body;
  if (fields.messages !== undefined) return { model: 'auto', ...fields };
  if (typeof query === 'string') return { model: 'auto', ...fields, messages: [{ role: 'user', content: query }] };
  throw new RutterError(
    'ERR_REQUEST_INVALID',
    'The body has neither "messages" nor a text "query"; expected a chat request, or a question under "query".',
    { param: 'messages' },
  );
}
