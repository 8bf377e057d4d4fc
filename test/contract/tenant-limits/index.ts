/**
 * Limits requests, tokens and parallel calls of keys, of their teams and of
 * the organizations above them.
 *
 * All that one request has to pay, on every level, is one list: the kernel
 * reserves it in one step, so that a request refused on one level is charged
 * on none. Who the keys belong to stands in the configuration; the limits
 * stand in the store and change while the gateway runs.
 */
import { type ChatRequest, definePlugin, type Principal, type Reservation, secret, z } from '@rutter/plugin-sdk';
import { chatText, estimateTokens } from '@rutter/plugin-sdk/codecs';
import { Limits, migrations, owners } from './limits.ts';
import { limitRoutes } from './routes.ts';

const config = z.strictObject({
  keys: z
    .array(
      z.strictObject({
        key: secret().describe('What the caller sends.'),
        id: z.string().min(1).describe('What it is called in logs and limits.'),
        team: z.string().optional().describe('The team it belongs to.'),
        organization: z.string().optional().describe('The organization above the team.'),
      }),
    )
    .default([])
    .describe('The keys this guard knows; others it leaves to the next guard.'),
  assumedReplyTokens: z
    .int()
    .min(0)
    .default(256)
    .describe('Tokens of a reply reserved ahead when the caller sets no bound.'),
  slotMs: z.int().min(1000).default(60_000).describe('How long a parallel slot outlives a gateway that has crashed.'),
});

export default definePlugin({
  kind: 'guard',
  config,
  setup(host, { keys, assumedReplyTokens, slotMs }) {
    const limits = new Limits({ store: host.use('store'), state: host.use('state'), log: host.log });
    const known = keys.map(({ key, id, team, organization }) => ({
      key,
      principal: {
        id,
        kind: 'key',
        permissions: ['model.call', 'model.read'],
        ...(team === undefined ? {} : { team }),
        ...(organization === undefined ? {} : { organization }),
      } satisfies Principal,
    }));

    return {
      migrations,
      // Asked once the table is there and before the first request: from here on `reserve` finds the limits in memory.
      health: () => limits.ready(),
      routes: limitRoutes(limits),
      dispose: () => limits.close(),

      identify: (credential) =>
        credential === undefined ? undefined : known.find(({ key }) => credential.equals(key))?.principal,

      reserve({ principal }, call): readonly Reservation[] {
        const found = owners(principal).flatMap(({ level, id }) => limits.of(level, id));
        if (found.length === 0) return [];
        const amounts = { requests: 1, parallel: 1, tokens: 0 };
        if (found.some(({ measure }) => measure === 'tokens'))
          amounts.tokens =
            call.operation === 'chat' ? expectedTokens(call.chat(), assumedReplyTokens) : estimateTokens(call.text());
        return found.map(({ level, id, measure, most, windowMs }) => ({
          key: `tenant:${level}:${id}:${measure}`,
          amount: amounts[measure],
          limit: most,
          windowMs: measure === 'parallel' ? slotMs : windowMs,
          measure,
          label: `${level} "${id}"`,
        }));
      },
    };
  },
});

const expectedTokens = (chat: ChatRequest, assumed: number) =>
  estimateTokens(chatText(chat)) + (chat.maxOutputTokens ?? assumed);
