/**
 * What models did with questions: the table every learner reads.
 *
 * Values are by question and model; NaN says that nobody tried. Models are
 * indexed by name from the first row to the last, whatever order rows come in.
 */

/** One answer of one model, as a line of an outcomes file has it. */
export interface OutcomeRow {
  readonly query_id: string;
  readonly query: string;
  readonly task?: string;
  readonly model: string;
  /** 0 to 1. */
  readonly performance: number;
  /** USD of the call. */
  readonly cost?: number;
  readonly input_tokens?: number;
  readonly output_tokens?: number;
}

export interface Question {
  readonly id: string;
  readonly text: string;
  /** A label of the benchmark; for reports, never for a decision. */
  readonly task: string;
}

export interface Outcomes {
  readonly models: readonly string[];
  readonly questions: readonly Question[];
  /** Questions × models, 0 to 1, NaN where unknown. */
  readonly quality: Float32Array;
  /** USD, likewise. */
  readonly cost: Float32Array;
  readonly inputTokens: Float32Array;
  readonly outputTokens: Float32Array;
}

export class OutcomeTable {
  readonly #models = new Map<string, number>();
  readonly #questions = new Map<string, { readonly question: Question; readonly rows: OutcomeRow[] }>();

  add(row: OutcomeRow): void {
    if (!this.#models.has(row.model)) this.#models.set(row.model, this.#models.size);
    let entry = this.#questions.get(row.query_id);
    if (entry === undefined) {
      entry = { question: { id: row.query_id, text: row.query, task: row.task ?? '' }, rows: [] };
      this.#questions.set(row.query_id, entry);
    }
    entry.rows.push(row);
  }

  finish(): Outcomes {
    const models = [...this.#models.keys()];
    const entries = [...this.#questions.values()];
    const size = entries.length * models.length;
    const unknown = () => new Float32Array(size).fill(Number.NaN);
    const table = {
      models,
      questions: entries.map(({ question }) => question),
      quality: unknown(),
      cost: unknown(),
      inputTokens: unknown(),
      outputTokens: unknown(),
    };
    entries.forEach(({ rows }, index) => {
      for (const row of rows) {
        const at = index * models.length + (this.#models.get(row.model) as number);
        table.quality[at] = row.performance;
        table.cost[at] = row.cost ?? Number.NaN;
        table.inputTokens[at] = row.input_tokens ?? Number.NaN;
        table.outputTokens[at] = row.output_tokens ?? Number.NaN;
      }
    });
    return table;
  }
}

/** The questions at these places, in this order. */
export function pick(outcomes: Outcomes, places: ArrayLike<number>): Outcomes {
  const width = outcomes.models.length;
  const take = (from: Float32Array) => {
    const to = new Float32Array(places.length * width);
    for (let row = 0; row < places.length; row++)
      to.set(from.subarray((places[row] as number) * width, ((places[row] as number) + 1) * width), row * width);
    return to;
  };
  return {
    models: outcomes.models,
    questions: Array.from(places, (place) => outcomes.questions[place] as Question),
    quality: take(outcomes.quality),
    cost: take(outcomes.cost),
    inputTokens: take(outcomes.inputTokens),
    outputTokens: take(outcomes.outputTokens),
  };
}

/** Mean of each model over the questions it was tried on; NaN for a model nobody tried. */
export function meansByModel(values: Float32Array, width: number): Float64Array {
  const sums = new Float64Array(width);
  const counts = new Float64Array(width);
  for (let at = 0; at < values.length; at++) {
    const value = values[at] as number;
    if (Number.isNaN(value)) continue;
    sums[at % width] = (sums[at % width] as number) + value;
    counts[at % width] = (counts[at % width] as number) + 1;
  }
  return sums.map((sum, model) => sum / (counts[model] as number));
}
