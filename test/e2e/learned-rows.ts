/**
 * Every learnt strategy, and what it has to do with the questions of
 * learned-table.test.ts: add a row for a new one.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeCascade } from '@rutter/plugin-sdk/learning';
import type { Gateway } from '../support/index.ts';
import { wordsOf } from './rounds-support.ts';
import type { Seat } from './router-support.ts';

export interface Asked {
  readonly text: string;
  /** Which of the two kinds it is: the model `counter` is right about sums, `poet` about poems. */
  readonly kind: 'sum' | 'poem';
}

type SeatName = 'counter' | 'poet';

/** One group of the gateway whose strategy lacks something. */
export interface Fault {
  readonly name: string;
  /** Configuration of the strategy; `path` writes bytes into the folder of the test and gives where. */
  readonly config: (tools: FaultTools) => Promise<Readonly<Record<string, unknown>>>;
  /** What the log, or the header that tells the route, has to say of it. */
  readonly reason: string;
}

export interface FaultTools {
  /** The artefact of the row, as it was trained. */
  readonly artefact: Buffer;
  readonly write: (name: string, content: Uint8Array | string) => Promise<string>;
}

export interface LearnedRow {
  readonly strategy: string;
  /** Whether `rutter train all` makes its artefact. One that is made otherwise writes it itself and gives its path. */
  readonly artefact?: 'trained' | ((folder: string) => Promise<string>);
  /** Configuration beside `model_path`. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** The model a question has to go to by the strategy's rule. */
  readonly expects: (asked: Asked) => SeatName;
  /** Share of the 300 questions that have to go there; 0.9 when absent. */
  readonly agreement?: number;
  /** What `x-rutter-route` has to say of every decision; `chosen by STRATEGY` when absent. */
  readonly why?: string;
  /** Other vendors' manners than answering with one's name, such as a judge's. */
  readonly plays?: (seats: Readonly<Record<SeatName, Seat>>) => void;
  /** Which model answered; when absent, the reply's text is its name. */
  readonly answeredBy?: (reply: { readonly text: string; readonly model: string | undefined }) => string | undefined;
  /** In place of those of an artefact. Each group has to answer all the same. */
  readonly faults?: readonly Fault[];
  /** Anything else that is to be seen of it, once the 300 are answered. */
  readonly also?: (gateway: Gateway) => Promise<void>;
}

/** Each reads the question. */
const byKind = ({ kind }: Asked): SeatName => (kind === 'sum' ? 'counter' : 'poet');

/** Packages under strategies/ that balance load by what they measure: nothing of them is learnt or judged. */
export const balancers: readonly string[] = [
  'affinity',
  'cost-based-routing',
  'latency-based-routing',
  'least-busy',
  'prompt-caching',
  'simple-shuffle',
  'usage-based-routing',
];

/** Nobody said how good the models are: nothing to rank by. */
const unmeasured: Fault = {
  name: 'unmeasured',
  config: async () => ({ by: 'quality' }),
  // The entry of the group leaves it to the one that `routing_strategy` names.
  reason: 'chosen by llmrouter-',
};

/** The counter also thinks for the strategy: what it replies where its prompt has the mark, from all it was told. */
const thinking =
  (mark: string, reply: (words: string) => string): NonNullable<LearnedRow['plays']> =>
  ({ counter }) =>
    counter.plays({
      reply: (request) => {
        const words = wordsOf(request);
        return words.includes(mark) ? reply(words) : 'counter';
      },
    });

const bestFor = (words: string): SeatName => (words.includes('compute the sum') ? 'counter' : 'poet');

/** Nobody thinks: there is no such group; or the poet does, who only says its name. */
const thoughtless = (option: string, told: { readonly stranger: string; readonly poet?: string }): readonly Fault[] => [
  { name: 'stranger', config: async () => ({ [option]: 'nowhere' }), reason: told.stranger },
  ...(told.poet === undefined ? [] : [{ name: 'dull', config: async () => ({ [option]: 'poet' }), reason: told.poet }]),
];

const replaced = (artefact: Buffer, from: string, to: string) =>
  Buffer.from(artefact.toString('latin1').replace(from, to), 'latin1');

const tableless = (name: string, content: (artefact: Buffer) => Buffer, reason: string): Fault => ({
  ...{ name, reason },
  config: async ({ artefact, write }) => ({ model_path: await write(`${name}.rra`, content(artefact)) }),
});

/** LLMRouter's interface, in a module. */
const customRouter = `export default class {
  route_single({ query }) {
    return { model_name: query.includes('compute the sum') ? 'counter' : 'poet' };
  }
}
`;

const moduleOf = (name: string, reason: string, text?: string): Fault => ({
  ...{ name, reason },
  config: async ({ write }) => ({
    ...(name === 'blocking' ? { timeout: 0.25 } : {}),
    model_path: text === undefined ? '/nowhere/router.mjs' : await write(`${name}.mjs`, text),
  }),
});

export const rows: readonly LearnedRow[] = [
  { strategy: 'rutter-auto', artefact: 'trained', expects: byKind },
  { strategy: 'llmrouter-knn', artefact: 'trained', expects: byKind },
  { strategy: 'llmrouter-mlp', artefact: 'trained', expects: byKind },
  { strategy: 'llmrouter-svm', artefact: 'trained', expects: byKind },
  { strategy: 'llmrouter-mf', artefact: 'trained', expects: byKind },
  // Ratings alone: the counter is right more often, whatever is asked.
  { strategy: 'llmrouter-elo', artefact: 'trained', expects: () => 'counter', agreement: 1 },
  { strategy: 'llmrouter-hybrid', artefact: 'trained', expects: byKind, agreement: 0.7 },
  { strategy: 'llmrouter-routerdc', artefact: 'trained', expects: byKind },
  { strategy: 'llmrouter-graph', artefact: 'trained', expects: byKind },
  // The poet is cheaper, and as good on the whole where it is good at all.
  { strategy: 'llmrouter-cost-aware', artefact: 'trained', expects: byKind },
  { strategy: 'threshold', artefact: 'trained', expects: byKind },
  { strategy: 'taskaware', artefact: 'trained', expects: byKind },
  { strategy: 'llmrouter-gmt', artefact: 'trained', expects: byKind },
  { strategy: 'personalizedrouter', artefact: 'trained', expects: byKind },
  { strategy: 'routellm-mf', artefact: 'trained', expects: byKind },
  { strategy: 'routellm-sw', artefact: 'trained', expects: byKind },
  // The configuration of the test tells sizes: the poet is the smaller.
  { strategy: 'llmrouter-smallest', expects: () => 'poet', agreement: 1, faults: [unmeasured] },
  { strategy: 'llmrouter-largest', expects: () => 'counter', agreement: 1, faults: [unmeasured] },
  {
    strategy: 'llmjudge',
    config: { judge_model: 'counter' },
    plays: thinking('Which model?', (words) => JSON.stringify({ model: bestFor(words), confidence: 0.9 })),
    expects: byKind,
    agreement: 1,
    why: 'llmjudge in 2 calls: judge counter named',
    faults: thoughtless('judge_model', {
      stranger: 'judge nowhere failed (ERR_REQUEST_UNKNOWN_MODEL)',
    }),
  },
  {
    strategy: 'llmrouter-causallm',
    config: { router_model: 'counter' },
    plays: thinking('Label:', (words) => (bestFor(words) === 'counter' ? 'A' : 'B')),
    expects: byKind,
    agreement: 1,
    why: 'llmrouter-causallm in 2 calls: counter says',
    faults: thoughtless('router_model', {
      stranger: 'nowhere failed (ERR_REQUEST_UNKNOWN_MODEL)',
      poet: 'poet gave no label',
    }),
  },
  {
    strategy: 'llmrouter-r1',
    config: { policy_model: 'counter' },
    plays: thinking('You have at most', (words) => {
      const [, found] = [...words.matchAll(/<information>([^<]*)<\/information>/g)];
      return found ? `<answer>${found[1]}</answer>` : `<search>${bestFor(words)}: please answer</search>`;
    }),
    expects: byKind,
    agreement: 1,
    why: 'llmrouter-r1 in 3 calls: 2 turns',
    faults: thoughtless('policy_model', {
      stranger: 'its policy failed (ERR_REQUEST_UNKNOWN_MODEL)',
      poet: 'ended by turns against the rules',
    }),
  },
  {
    strategy: 'llmrouter-automix',
    artefact: async (folder) => {
      const path = join(folder, 'automix.rra');
      // Asks wherever the small model is not sure of itself.
      const table = { models: ['poet', 'counter'], actions: [true, true, false], family: 'threshold' };
      await writeFile(path, writeCascade(table, { metrics: {}, dataHash: '' }));
      return path;
    },
    config: { checks: 2 },
    // The poet is the smaller: it answers first, and knows that it cannot count.
    plays: ({ poet }) =>
      poet.plays({
        reply: (request) => {
          const words = wordsOf(request);
          if (!words.endsWith('Check:')) return 'poet';
          return bestFor(words) === 'poet' ? 'Verdict: Correct' : 'Verdict: Incorrect';
        },
      }),
    expects: byKind,
    agreement: 1,
    why: ', table of threshold)',
    faults: [
      tableless('missing', (artefact) => artefact.subarray(0, 0), 'is no router artefact'),
      tableless('corrupted', (artefact) => artefact.subarray(0, artefact.length - 1), 'bytes of numbers'),
      tableless('versioned', (artefact) => replaced(artefact, '"format":1', '"format":9'), 'found format 9'),
      tableless('foreign', (artefact) => replaced(artefact, '"poet"', '"bard"'), 'the table is of other models'),
    ],
  },
  {
    strategy: 'llmrouter-custom',
    artefact: async (folder) => {
      const path = join(folder, 'router.mjs');
      await writeFile(path, customRouter);
      return path;
    },
    // A busy machine is no router that is stuck.
    config: { timeout: 5 },
    expects: byKind,
    agreement: 1,
    faults: [
      moduleOf('missing', 'ENOENT'),
      moduleOf('syntax', 'Unexpected token', 'export default ='),
      moduleOf('throwing', 'it threw Error', 'export default () => () => { throw new Error("no idea") }'),
      moduleOf('blocking', 'it did not answer within 250 ms', 'export default () => () => { for (;;); }'),
      moduleOf('foreign', 'it named no model of the group', 'export default () => () => "gpt-9"'),
      { name: 'pickled', reason: 'Run: rutter train', config: async () => ({ model_path: '/nowhere/router.pkl' }) },
    ],
  },
  {
    strategy: 'llmrouter-llm-multiround',
    config: { base_model: 'counter' },
    plays: thinking('The plan:', (words) => JSON.stringify([{ subquery: 'all of it', model: bestFor(words) }])),
    expects: byKind,
    agreement: 1,
    why: 'llmrouter-llm-multiround in 2 calls: one part, by',
    faults: thoughtless('base_model', {
      stranger: 'its planner failed (ERR_REQUEST_UNKNOWN_MODEL)',
      poet: 'its planner made no plan',
    }),
  },
  {
    strategy: 'llmrouter-knn-multiround',
    artefact: async (folder) => join(folder, 'fleet', 'llmrouter-knn.rra'),
    config: { base_model: 'counter' },
    plays: thinking('The parts:', () => '["all of it"]'),
    expects: byKind,
    why: 'llmrouter-knn-multiround in 2 calls: one part, by',
  },
];
