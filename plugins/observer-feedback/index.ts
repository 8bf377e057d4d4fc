/**
 * Takes what callers say of the answers they were given.
 *
 * A caller rates requests of his own key, once each. What he says is in the
 * store before he is told so, and reaches every worker in one order. Strategies
 * follow it through the service `feedback`.
 */
import { definePlugin, z } from '@rutter/plugin-sdk';
import { Followers } from './followers.ts';
import { Marks, markOf, subjectOf } from './marks.ts';
import { requestRecorder, userOf } from './requests.ts';
import { feedbackRoutes } from './routes.ts';
import { migrations } from './schema.ts';

const config = z.strictObject({
  request_days: z
    .number()
    .positive()
    .max(3650)
    .default(7)
    .describe('Days for which a request can be rated; then what was kept of it goes.'),
  feedback_days: z.number().positive().max(3650).default(365).describe('Days for which feedback is kept and counts.'),
  most_marks: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(20_000)
    .describe('Of more feedback than this only the latest counts for decisions; all of it is kept for training.'),
  store_prompts: z
    .boolean()
    .default(false)
    .describe('Whether the words of requests are kept for training, beside their embedding and their hash.'),
  refresh_interval: z
    .number()
    .min(0.1)
    .max(3600)
    .default(5)
    .describe('Seconds between two looks at feedback that other replicas may have taken.'),
});

const channel = 'feedback';
const dayMs = 86_400_000;
const expireMs = 60_000;
const batch = 1_000;
const mostPage = 1_000;

export default definePlugin({
  kind: 'observer',
  config,
  async setup(host, options) {
    const store = host.use('store');
    const state = host.use('state');
    await store.migrate('observer-feedback', migrations);
    const marks = new Marks(store);
    const followers = new Followers({ marks, log: host.log, mostMarks: options.most_marks });
    const told = () => {
      void followers.wake();
    };
    const unsubscribe = await state.subscribe(channel, told);
    host.every(options.refresh_interval * 1000, () => followers.wake());
    const expired = async (table: 'feedback' | 'feedback_request', days: number) => {
      const before = host.clock.now() - days * dayMs;
      while ((await marks.expire(table, before, batch)) >= batch) await host.clock.sleep(10);
    };
    host.every(expireMs, async () => {
      await expired('feedback_request', options.request_days);
      await expired('feedback', options.feedback_days);
    });

    return {
      settled: requestRecorder(host, options.store_prompts),
      routes: feedbackRoutes({
        ...{ store, marks, clock: host.clock },
        // This worker has learnt when the caller is told; the others learn at once.
        async changed() {
          await followers.wake();
          await state.publish(channel, '').catch((error: unknown) => {
            host.log.warn({ reason: String(error) }, 'other workers will look at the feedback later');
          });
        },
      }),
      services: {
        feedback: {
          subject: (context) => subjectOf(context.principal.id, userOf(context)),
          marks: async (after, limit) =>
            (await marks.after(after, Math.max(1, Math.min(mostPage, Math.floor(limit))))).map(markOf),
          follow: (start, apply) => followers.follow(start, apply),
        },
      },
      dispose: unsubscribe,
    };
  },
});
