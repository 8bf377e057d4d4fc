/** Knows keys whose calls are routed in their own way: what a key says stands over what its team says. */
import { definePlugin, type Principal, type PrincipalRouting, secret, z } from '@rutter/plugin-sdk';

// Taken as it comes, as from a table: whether it can be meant is the kernel's to say.
const routing = z.record(z.string(), z.unknown());

const config = z.strictObject({
  teams: z.record(z.string(), routing).default({}).describe('Routing of teams, by name.'),
  keys: z
    .array(
      z.strictObject({
        key: secret().describe('What the caller sends.'),
        id: z.string().min(1).describe('What it is called in logs.'),
        team: z.string().optional().describe('The team it belongs to.'),
        models: z.array(z.string()).optional().describe('Model groups it may call; all when absent.'),
        routing: routing.default({}).describe('Its own routing.'),
      }),
    )
    .describe('The keys this guard knows.'),
});

export default definePlugin({
  kind: 'guard',
  config,
  setup(_host, { teams, keys }) {
    const known = keys.map(({ key, id, team, models, routing: own }) => {
      const merged: PrincipalRouting = { ...(team === undefined ? {} : teams[team]), ...own };
      const principal: Principal = {
        id,
        kind: 'key',
        permissions: ['model.call', 'model.read'],
        routing: merged,
        ...(team === undefined ? {} : { team }),
        ...(models === undefined ? {} : { models }),
      };
      return { key, principal };
    });
    return {
      identify: (credential) =>
        credential === undefined ? undefined : known.find(({ key }) => credential.equals(key))?.principal,
    };
  },
});
