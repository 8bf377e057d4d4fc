/**
 * Every learnt strategy, and what it has to do with the questions of
 * learned-table.test.ts: add a row for a new one.
 */
import type { Gateway } from '../support/index.ts';
import type { Seat } from './router-support.ts';

export interface Asked {
  readonly text: string;
  /** Which of the two kinds it is: the model `counter` is right about sums, `poet` about poems. */
  readonly kind: 'sum' | 'poem';
}

export type SeatName = 'counter' | 'poet';

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
  'simple-shuffle',
  'usage-based-routing',
];

/** Nobody said how good the models are: nothing to rank by. */
const unmeasured: Fault = {
  name: 'unmeasured',
  config: async () => ({ by: 'quality' }),
  reason: 'first in configured order',
};

export const rows: readonly LearnedRow[] = [
  { strategy: 'rutter-auto', artefact: 'trained', expects: byKind },
  { strategy: 'llmrouter-knn', artefact: 'trained', expects: byKind },
  { strategy: 'llmrouter-mlp', artefact: 'trained', expects: byKind },
  { strategy: 'llmrouter-svm', artefact: 'trained', expects: byKind },
  { strategy: 'llmrouter-mf', artefact: 'trained', expects: byKind },
  // Ratings alone: the counter is right more often, whatever is asked.
  { strategy: 'llmrouter-elo', artefact: 'trained', expects: () => 'counter', agreement: 1 },
  { strategy: 'llmrouter-hybrid', artefact: 'trained', expects: byKind, agreement: 0.7 },
  // The configuration of the test tells sizes: the poet is the smaller.
  { strategy: 'llmrouter-smallest', expects: () => 'poet', agreement: 1, faults: [unmeasured] },
  { strategy: 'llmrouter-largest', expects: () => 'counter', agreement: 1, faults: [unmeasured] },
];
