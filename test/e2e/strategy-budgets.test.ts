/** Budgets of providers, deployments and tags: spent, they leave deployments out; requests at once cannot overspend. */
import { describe, expect, it } from 'vitest';
import { openAiDeployment, startGateway } from '../support/index.ts';
import { ask, askOften, fleet, tally } from './router-support.ts';

const v = await fleet('own', 'other', 'tagged', 'burst', 'provider', 'unpriced');
/** A tenth of a cent for each token. */
const priced = { input_cost_per_token: 0.001, output_cost_per_token: 0.001 };
const gateway = await startGateway({
  config: {
    model_list: [
      openAiDeployment(
        'own',
        v.own,
        { ...priced, order: 1, max_budget: 0.05, budget_duration: '1d' },
        { id: 'limited' },
      ),
      openAiDeployment('own', v.other, { order: 2 }),
      openAiDeployment('burst', v.burst, { ...priced, max_budget: 1, budget_duration: '1h' }),
      openAiDeployment('tagged', v.tagged, priced),
    ],
    router_settings: { num_retries: 0 },
    litellm_settings: { tag_budget_config: { campaign: { max_budget: 0.02, budget_duration: '30d' } } },
  },
});
const providers = await startGateway({
  config: {
    model_list: [
      openAiDeployment('all', v.provider, priced),
      openAiDeployment('free', v.unpriced, { model: 'openai/in-no-price-table' }),
    ],
    router_settings: {
      num_retries: 0,
      provider_budget_config: { openai: { budget_limit: 0.01, time_period: '1d' } },
      fallbacks: [{ all: ['free'] }],
    },
  },
});
/** 2 tokens of prompt and 8 of reply: a cent. */
const cent = { body: { max_tokens: 8 } };

describe('budgets', () => {
  it('leave out a deployment whose own budget is spent, and tell the next one', async () => {
    v.own.plays({ usage: { prompt_tokens: 2, completion_tokens: 8 } });
    const said = [];
    for (let call = 0; call < 7; call++) said.push((await ask(gateway, 'own', cent)).said);
    expect(said).toEqual(['own', 'own', 'own', 'own', 'own', 'other', 'other']);
    expect(v.own.calls()).toBe(5);
  });

  it('are never overspent by requests at once: each is charged ahead of its call', async () => {
    v.burst.plays({ delays: { headMs: 400 }, usage: { prompt_tokens: 2, completion_tokens: 98 } });
    const body = { max_tokens: 98 };
    const answers = await Promise.all(Array.from({ length: 30 }, () => ask(gateway, 'burst', { body })));
    expect(tally(answers)).toEqual({ burst: 10, 429: 20 });
  });

  it('charge what a call did cost, not what it might have', async () => {
    v.tagged.plays({ usage: { prompt_tokens: 1, completion_tokens: 1 } });
    const asking = { body: { max_tokens: 8, tags: ['campaign'] } };
    const answers = [];
    for (let call = 0; call < 8; call++) answers.push((await ask(gateway, 'tagged', asking)).status);
    // Two thousandths each, of twenty: while ten are left for the next call to reserve.
    expect(answers).toEqual([200, 200, 200, 200, 200, 200, 429, 429]);
  });

  it('of a tag bind requests with that tag alone, and say which was crossed', async () => {
    const refused = await ask(gateway, 'tagged', { body: { max_tokens: 8, tags: ['campaign', 'more'] } });
    expect(refused.status).toBe(429);
    expect(refused.error?.message).toMatch(/crossed budget for tag campaign in 30d: limit \$0\.02, used \$0\.012/);
    expect((await ask(gateway, 'tagged', { body: { max_tokens: 8, tags: ['more'] } })).status).toBe(200);
  });

  it('of a provider bind all its deployments, and fallbacks are followed', async () => {
    v.provider.plays({ usage: { prompt_tokens: 2, completion_tokens: 8 } });
    expect(tally(await askOften(providers, 'all', 6, cent))).toEqual({ provider: 1, unpriced: 5 });
  });
});
