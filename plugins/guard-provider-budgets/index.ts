/**
 * Keeps what providers, deployments and tags may cost within a window.
 *
 * A call is charged what it is expected to cost when its deployment is chosen,
 * and settled with what it did cost: a deployment whose budget is spent is left
 * out, and requests at once cannot spend the same money twice.
 */
import { type Candidate, definePlugin, type RequestContext, type Reservation, z } from '@rutter/plugin-sdk';
import { expectedPico, expectedReplies } from '@rutter/plugin-sdk/routing';
import { windowMs, windowPattern } from './window.ts';

const dollars = z.union([z.number().min(0), z.string().regex(/^\d{1,15}(\.\d{1,15})?([eE][+-]?\d{1,2})?$/)]);
const period = z.union([z.string().regex(windowPattern), z.int().min(1)]);
// LiteLLM's names for providers and for tags differ; both are understood in both places.
const amounts = {
  budget_limit: dollars.optional().describe('Most dollars within the window.'),
  time_period: period.optional().describe('Length of the window: 30s, 30m, 30h, 30d or 1mo.'),
  max_budget: dollars.optional().describe('Another name of budget_limit.'),
  budget_duration: period.optional().describe('Another name of time_period.'),
};
// JSON Schema says "both of the two" as alternatives, each with what it asks for.
const budget = z.union(
  [
    z.strictObject({ ...amounts, budget_limit: dollars, time_period: period }),
    z.strictObject({ ...amounts, max_budget: dollars, budget_duration: period }),
    z.strictObject({ ...amounts, budget_limit: dollars, budget_duration: period }),
    z.strictObject({ ...amounts, max_budget: dollars, time_period: period }),
  ],
  {
    error:
      'expected dollars, 0 or more, as budget_limit or max_budget, and a length such as 30s, 30m, 30h, 30d or 1mo as time_period or budget_duration',
  },
);
const config = z.strictObject({
  providers: z.record(z.string(), budget).default({}).describe('Budgets by provider, the prefix of a model.'),
  tags: z.record(z.string(), budget).default({}).describe('Budgets by tag of the request.'),
});

interface Budget {
  readonly limitNanoUsd: number;
  readonly window: string;
}

const nanoUsd = (amount: number): number => Math.floor(amount * 1e9);

function budgetOf(written: z.output<typeof budget>): Budget {
  const window = written.time_period ?? written.budget_duration ?? '';
  return {
    limitNanoUsd: nanoUsd(Number(written.budget_limit ?? written.max_budget)),
    window: typeof window === 'number' ? `${window}s` : window,
  };
}

const budgetsBy = (written: Readonly<Record<string, z.output<typeof budget>>>): ReadonlyMap<string, Budget> =>
  new Map(Object.entries(written).map(([name, one]) => [name, budgetOf(one)]));

export default definePlugin({
  kind: 'guard',
  config,
  setup(host, config) {
    const providers = budgetsBy(config.providers);
    const tags = budgetsBy(config.tags);
    const replies = expectedReplies(host);
    const own = new WeakMap<Candidate['deployment'], Budget | 'none'>();
    const told = new Set<string>();

    function ownBudget({ deployment }: Candidate): Budget | undefined {
      let found = own.get(deployment);
      if (found === undefined) {
        found = readOwn(deployment.params) ?? 'none';
        own.set(deployment, found);
      }
      return found === 'none' ? undefined : found;
    }

    function budgetsOf(
      context: RequestContext,
      candidate: Candidate,
    ): readonly (readonly [string, Budget | undefined])[] {
      const { provider, id } = candidate.deployment;
      return [
        [`provider ${provider}`, providers.get(provider)],
        [`deployment ${id}`, ownBudget(candidate)],
        ...context.tags.map((tag) => [`tag ${tag}`, tags.get(tag)] as const),
      ];
    }

    /** In nano-dollars; 0 where there is no price to go by, which is told once. */
    function expectedCost(context: RequestContext, { deployment }: Candidate): number {
      const input = (context.features.get('input-tokens') as number | undefined) ?? 0;
      const pico = expectedPico(deployment, { input, output: replies.most(context, deployment.id) });
      if (Number.isFinite(pico)) return Math.ceil(pico / 1000);
      if (!told.has(deployment.id) && told.size < mostTold) {
        told.add(deployment.id);
        host.log.warn(
          { deployment: deployment.id },
          'a budget applies, but the price is not known: nothing is charged',
        );
      }
      return 0;
    }

    return {
      charge(context, candidate) {
        const reservations: Reservation[] = [];
        let cost: number | undefined;
        for (const [whose, budget] of budgetsOf(context, candidate)) {
          if (budget === undefined) continue;
          cost ??= expectedCost(context, candidate);
          reservations.push({
            key: `budget:${whose}:${budget.window}`,
            // One call may take the whole of a small budget, not more.
            amount: Math.min(cost, budget.limitNanoUsd),
            limit: budget.limitNanoUsd,
            windowMs: windowMs(budget.window, host.clock.now()),
            measure: 'nano-usd',
            label: `crossed budget for ${whose} in ${budget.window}`,
          });
        }
        return reservations;
      },
      observer: { settled: (outcome) => replies.observe(outcome) },
    };
  },
});

/** Most deployments without a price that are told of. */
const mostTold = 1000;

/** `max_budget` counts where `budget_duration` stands beside it. */
function readOwn({
  max_budget: limit,
  budget_duration: window,
}: Readonly<Record<string, unknown>>): Budget | undefined {
  const read = budget.safeParse({ max_budget: limit, budget_duration: window });
  return read.success ? budgetOf(read.data) : undefined;
}
