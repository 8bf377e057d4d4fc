/** What the tests of strategies that make calls share: a weak model, a strong one, one that thinks, and a gateway around them. */
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { type Gateway, openAiDeployment, root, startGateway, type VendorRequest } from '../support/index.ts';
import { type Answer, ask, fleet, type Seat } from './router-support.ts';

export interface Cast {
  readonly weak: Seat;
  readonly strong: Seat;
  readonly thinker: Seat;
  readonly gateway: Gateway;
}

export interface Case {
  readonly strategy: string;
  readonly config: Readonly<Record<string, unknown>>;
  /** More entries of the list of plugins for the group, behind the strategy. */
  readonly behind?: readonly object[];
}

/** A dollar for a million tokens in the weak model, ten in the strong one. */
const weakPrices = { input_cost_per_token: 0.000001, output_cost_per_token: 0.000001 };
const strongPrices = { input_cost_per_token: 0.00001, output_cost_per_token: 0.00001 };

/** A gateway with a group for each case, of a weak and a strong model; the group `thinker` stands beside them. */
export async function stage(cases: Readonly<Record<string, Case>>, more: object = {}): Promise<Cast> {
  const { weak, strong, thinker } = await fleet('weak', 'strong', 'thinker');
  const groups = Object.keys(cases);
  const gateway = await startGateway({
    config: {
      model_list: [
        ...groups.flatMap((group) => [
          // The strong one first: the order of the file must not be what decides.
          openAiDeployment(
            group,
            strong,
            { model: 'openai/strong-1', ...strongPrices },
            { id: `${group}-strong`, description: 'Knows everything and is dear.' },
          ),
          openAiDeployment(
            group,
            weak,
            { model: 'openai/weak-1', ...weakPrices },
            { id: `${group}-weak`, description: 'Cheap, for small talk.' },
          ),
        ]),
        openAiDeployment('thinker', thinker, { model: 'openai/thinker-1', ...weakPrices }, { id: 'thinker' }),
      ],
      router_settings: { num_retries: 0, disable_cooldowns: true },
      plugins: [
        ...groups.flatMap((group) => {
          const { strategy, config, behind = [] } = cases[group] as Case;
          return [{ use: strategy, as: group, for: [group], config }, ...behind];
        }),
        {
          use: join(root, 'test/contract/key-routing'),
          trust: true,
          config: {
            keys: [
              { key: 'sk-all', id: 'all' },
              { key: 'sk-narrow', id: 'narrow', models: groups },
            ],
          },
        },
      ],
      ...more,
    },
  });
  afterAll(() => gateway.stop());
  return { weak, strong, thinker, gateway };
}

export interface Said extends Answer {
  readonly route: string;
  readonly id: string;
}

/** One question of one user, with the key that may call everything. */
export async function question(
  { gateway }: Pick<Cast, 'gateway'>,
  model: string,
  content: string,
  body: Readonly<Record<string, unknown>> = {},
  key = 'sk-all',
): Promise<Said> {
  const answer = await ask(gateway, model, {
    body: { messages: [{ role: 'user', content }], ...body },
    headers: { authorization: `Bearer ${key}` },
  });
  return {
    ...answer,
    route: answer.headers.get('x-rutter-route') ?? '',
    id: answer.headers.get('x-request-id') ?? '',
  };
}

/** So many questions, some at a time, in their order. */
export async function questions(cast: Cast, model: string, texts: readonly string[]): Promise<readonly Said[]> {
  const answers: Said[] = [];
  let next = 0;
  const one = async () => {
    for (let at = next++; at < texts.length; at = next++)
      answers[at] = await question(cast, model, texts[at] as string);
  };
  await Promise.all(Array.from({ length: 12 }, one));
  return answers;
}

/** All words that a vendor was sent. */
export const wordsOf = ({ json }: VendorRequest): string =>
  ((json?.messages ?? []) as { content: unknown }[]).map(({ content }) => String(content)).join('\n');

/** Easy and hard questions in turn, all different. */
export const mixed = (count: number): readonly string[] =>
  Array.from({ length: count }, (_none, index) => `${index % 3 === 0 ? 'hard' : 'easy'} question number ${index}`);
