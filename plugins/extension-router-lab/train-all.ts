/** `rutter train all`: every trainable strategy, compared on questions that none of them saw. */
import { mkdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { RutterError } from '@rutter/plugin-sdk';
import { type Fold, foldsOf, pick, type RawFeatures } from '@rutter/plugin-sdk/learning';
import type { LabData } from './data.ts';
import { learners } from './learners.ts';
import { type Figures, figures, prepared } from './measure.ts';
import type { Output } from './output.ts';
import { inTurn } from './thread.ts';
import { save, type TrainingOptions, trained } from './training.ts';

const comparedShare = 0.2;
const leastQuestions = 10;
/** More would take more memory than time. */
const mostThreads = 2;

interface Row {
  readonly strategy: string;
  readonly found: Figures | string;
}

const points = (value: number) => (100 * value).toFixed(2);

function lineOf({ strategy, found }: Row, wide: number): string {
  const name = strategy.padEnd(wide);
  if (typeof found === 'string') return `${name}  not learnt: ${found}\n`;
  const { quality, gain, aiq, apgr } = found;
  const ends = [
    ...[aiq === undefined ? '' : `  AIQ ${aiq.toFixed(4)}`, apgr === undefined ? '' : `  APGR ${apgr.toFixed(3)}`],
  ];
  return `${name}  ${points(quality)}  gain ${points(gain.mean)} [${points(gain.low)}, ${points(gain.high)}]${ends.join('')}\n`;
}

interface Wanted {
  readonly out: string;
  readonly source: string;
  readonly output: Output;
}

/** Each is measured once without a fifth of the questions, on that fifth, then learns from all; the exit code. */
export async function trainAll(
  data: LabData,
  options: TrainingOptions,
  { out, source, output }: Wanted,
): Promise<number> {
  await mkdir(out, { recursive: true });
  const count = data.outcomes.questions.length;
  if (count < leastQuestions)
    throw new RutterError(
      'ERR_CONFIG_INVALID',
      `There are ${count} questions; expected at least ${leastQuestions} to compare on.`,
    );
  const { places, rest } = foldsOf(count, Math.round(1 / comparedShare), options.seed)[0] as Fold;
  const part = (chosen: readonly number[]): LabData => ({
    outcomes: pick(data.outcomes, chosen),
    raw: chosen.map((place) => data.raw[place] as RawFeatures),
    sha256: data.sha256,
  });
  const [seen, unseen] = [part(rest), part(places)];
  const learn = async (strategy: string): Promise<Row> => {
    const tell = (what: string) => (line: string) => output.write(`${strategy}, ${what}: ${line}`);
    try {
      const compared = await trained({ strategy, data: seen, options }, tell('to compare'));
      const loaded = prepared(compared, unseen, { path: strategy, embedder: options.embedder });
      const { result } = figures(loaded, unseen, 0);
      const whole = await trained({ strategy, data, options }, tell('from all'));
      await save(whole, { out: join(out, `${strategy}.rra`), source, options, unseen: result }, output);
      return { strategy, found: result };
    } catch (error) {
      // What cannot be learnt from these outcomes keeps nobody from the rest.
      if (RutterError.is(error)) return { strategy, found: error.message };
      throw error;
    }
  };
  const tasks = [...learners.keys()].map((strategy) => () => learn(strategy));
  const rows = await inTurn(tasks, Math.min(mostThreads, availableParallelism()));
  output.write(
    `\nLearnt from ${rest.length} questions, measured on ${places.length}; the artefacts learnt from all.\n`,
  );
  const wide = Math.max(...rows.map(({ strategy }) => strategy.length));
  const rank = ({ found }: Row) => (typeof found === 'string' ? Number.NEGATIVE_INFINITY : found.quality);
  for (const row of rows.sort((a, b) => rank(b) - rank(a))) output.write(lineOf(row, wide));
  return rows.some(({ found }) => typeof found !== 'string') ? 0 : 1;
}
