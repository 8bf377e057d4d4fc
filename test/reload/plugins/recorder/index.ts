/**
 * Watches at every hook that a request stays with the generation it began on,
 * and counts how many instances of itself live.
 *
 * `GET /recorder` tells what it has seen, `POST /recorder/memory` what the
 * process holds once its garbage is gone.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { definePlugin, z } from '@rutter/plugin-sdk';
import { note, openRequests, settled, tally } from './tally.ts';

const config = z.strictObject({
  label: z.int().default(0).describe('Told by GET /recorder.'),
  isDeep: z.boolean().default(false).describe('Whether replies and streams are looked into.'),
});

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

export default definePlugin({
  kind: 'guard',
  config,
  setup(host, { label, isDeep }) {
    tally.setUp += 1;
    const self = ['recorder', tally.setUp] as const;
    let isDisposed = false;
    const see = (context: Parameters<typeof note>[0], hook: string) => {
      note(context, isDisposed ? `${hook} after dispose` : hook, self);
      if (isDisposed) tally.mixed.push(`${context.id} at ${hook}: the instance had been disposed of`);
    };
    // A timer of every generation: those of ended ones must be gone.
    host.every(1000, () => {});
    return {
      authorise: (context) => see(context, 'authorise'),
      checkRequest(context) {
        see(context, 'checkRequest');
        return undefined;
      },
      filter(context, candidates) {
        see(context, 'filter');
        for (const { deployment, live } of candidates) tally.samples[deployment.id] = live.samples;
        return candidates;
      },
      reserve(context) {
        see(context, 'reserve');
        return [{ key: 'recorder', amount: 1, limit: 1e9, windowMs: 3_600_000, measure: 'parallel' }];
      },
      ...(isDeep
        ? {
            checkReply(context) {
              see(context, 'checkReply');
              return undefined;
            },
            events(context) {
              see(context, 'events');
              return {
                holdBack: 0,
                push(event) {
                  see(context, 'push');
                  return [event];
                },
                end: () => [],
              };
            },
          }
        : {}),
      observer: {
        settled({ context }) {
          see(context, 'settled');
          settled(context);
        },
      },
      routes: [
        {
          method: 'GET',
          path: '/recorder',
          mode: 'json',
          permission: 'admin.read',
          handler: ({ context }) => ({
            body: { label, generation: context.generation, pid: process.pid, open: openRequests(), ...tally },
          }),
        },
        {
          method: 'POST',
          path: '/recorder/memory',
          mode: 'json',
          permission: 'admin.write',
          async handler() {
            for (let turn = 0; turn < 4; turn += 1) {
              await new Promise(setImmediate);
              collect();
            }
            const { rss, heapUsed, external } = process.memoryUsage();
            const resources: Record<string, number> = {};
            for (const name of process.getActiveResourcesInfo()) resources[name] = (resources[name] ?? 0) + 1;
            return { body: { rss, heapUsed, external, resources } };
          },
        },
      ],
      dispose() {
        isDisposed = true;
        tally.disposed += 1;
      },
    };
  },
});
