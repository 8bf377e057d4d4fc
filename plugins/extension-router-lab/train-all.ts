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
  const learn = async (strategy: string, what: string, from: LabData): Promise<Buffer | string> => {
    try {
      return await trained({ strategy, data: from, options }, (line) => output.write(`${strategy}, ${what}: ${line}`));
    } catch (error) {
      // What cannot be learnt from these outcomes keeps nobody from the rest.
      if (RutterError.is(error)) return error.message;
      throw error;
    }
  };
  const finish = async (strategy: string, compared: Buffer | string, whole: Buffer | string): Promise<Row> => {
    if (typeof compared === 'string' || typeof whole === 'string')
      return { strategy, found: typeof compared === 'string' ? compared : (whole as string) };
    const loaded = prepared(compared, unseen, { path: strategy, embedder: options.embedder });
    const { result } = figures(loaded, unseen, 0);
    await save(whole, { out: join(out, `${strategy}.rra`), source, options, unseen: result }, output);
    return { strategy, found: result };
  };
  // Two tasks for each: the slowest would else hold one thread while the other has nothing left to do.
  const halves = new Map<string, Buffer | string>();
  const tasks = [...learners.keys()].flatMap((strategy) => {
    const half = async (what: string, from: LabData) => {
      const own = await learn(strategy, what, from);
      const before = halves.get(strategy);
      if (before === undefined) {
        halves.set(strategy, own);
        return undefined;
      }
      return what === 'from all' ? finish(strategy, before, own) : finish(strategy, own, before);
    };
    return [() => half('to compare', seen), () => half('from all', data)];
  });
  const done = await inTurn(tasks, Math.min(mostThreads, availableParallelism()));
  const rows = done.filter((row) => row !== undefined);
  output.write(
    `\nLearnt from ${rest.length} questions, measured on ${places.length}; the artefacts learnt from all.\n`,
  );
  const wide = Math.max(...rows.map(({ strategy }) => strategy.length));
  const rank = ({ found }: Row) => (typeof found === 'string' ? Number.NEGATIVE_INFINITY : found.quality);
  for (const row of rows.sort((a, b) => rank(b) - rank(a))) output.write(lineOf(row, wide));
  return rows.some(({ found }) => typeof found !== 'string') ? 0 : 1;
}
