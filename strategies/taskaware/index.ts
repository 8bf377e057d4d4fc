/**
 * Sends each task at each complexity to the model that fares best there
 * (LLMRouter's taskawarerouter): by a table learnt from outcomes or, without
 * one, by words of the text and a table of one's own.
 */
import { type Candidate, definePlugin, type RequestContext, z } from '@rutter/plugin-sdk';
import {
  learnedStrategy,
  learnedStrategyConfig,
  learnedStrategyOptions,
  tasksLearner,
} from '@rutter/plugin-sdk/learning';
import { isComplex, taskOf, tasks } from './keywords.ts';

const cell = z.strictObject({
  simple: z.string().optional().describe('Model for simple questions of this task.'),
  complex: z.string().optional().describe('Model for complex ones; the simple one’s when absent.'),
});

const config = learnedStrategyConfig.extend({
  table: z
    .partialRecord(z.enum(tasks), cell)
    .default({})
    .describe('Models by task and complexity, for requests that no artefact decides.'),
});

const names = ({ deployment: { model, provider, info, id } }: Candidate) => [
  info.router_model,
  model,
  `${provider}/${model}`,
  id,
];

export default definePlugin({
  kind: 'strategy',
  config,
  async setup(host, { table, ...settings }) {
    const kinds = new WeakMap<RequestContext, number>();
    const feature = `${host.name}:words`;
    const hasTable = Object.keys(table).length > 0;
    // The text is shown to features alone: its place in the table is the number of one.
    host.features.define(feature, (context, text) => {
      const place = 2 * tasks.indexOf(taskOf(text)) + (isComplex(text) ? 1 : 0);
      kinds.set(context, place);
      return place;
    });
    const inner = await learnedStrategy(host, {
      learner: tasksLearner,
      ...learnedStrategyOptions(settings),
      untrained(context, candidates) {
        const place = kinds.get(context);
        if (place === undefined) return undefined;
        const task = tasks[Math.floor(place / 2)] as (typeof tasks)[number];
        const wanted = (place % 2 === 1 ? table[task]?.complex : undefined) ?? table[task]?.simple;
        const chosen = candidates.filter((candidate) => wanted !== undefined && names(candidate).includes(wanted));
        if (chosen.length === 0) return undefined;
        const rest = candidates.filter((candidate) => !chosen.includes(candidate));
        const reason = `by its words ${place % 2 === 1 ? 'complex' : 'simple'} ${task}`;
        return { tiers: rest.length > 0 ? [chosen, rest] : [chosen], reason };
      },
    });
    return {
      ...inner,
      async prepare(context) {
        await Promise.all([inner.prepare?.(context), hasTable ? context.features.want(feature) : undefined]);
      },
    };
  },
});
