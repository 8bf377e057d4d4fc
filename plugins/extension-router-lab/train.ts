/** `rutter train STRATEGY --data FILE --out FILE`. */
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Embedder, RutterError } from '@rutter/plugin-sdk';
import {
  type Fold,
  foldsOf,
  type Interval,
  pick,
  type RawFeatures,
  readArtefact,
  type TrainOptions,
  trainArtefact,
} from '@rutter/plugin-sdk/learning';
import { type LabData, readData } from './data.ts';
import { figures, prepared } from './evaluate.ts';
import { exportChats, exportedNames } from './export.ts';
import { learnerOf, learners } from './learners.ts';
import type { Output } from './output.ts';

const usage = `rutter train STRATEGY --data OUTCOMES --out ARTEFACT
rutter train all --data OUTCOMES --out FOLDER

  STRATEGY             ${[...learners.keys()].join(', ')}
  ${exportedNames.join(', ')}
                       export chats to fine-tune a model with elsewhere
  all                  every one of these into FOLDER/STRATEGY.rra, compared on questions none of them saw
  --data FILE          outcomes, one a line: .jsonl or .jsonl.gz, ours or LLMRouter's routing data
  --out FILE           where the artefact goes
  --seed N             the same seed and outcomes give the same bytes; 1 when absent
  --validation SHARE   share of the questions kept aside; 0.15 when absent
  --set NAME=JSON      an option of the learner; may be given more than once
`;

function settingsOf(given: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    given.map((one) => {
      const at = one.indexOf('=');
      if (at < 1) throw new RutterError('ERR_CONFIG_INVALID', `--set ${one}: expected NAME=JSON.`);
      const text = one.slice(at + 1);
      try {
        return [one.slice(0, at), JSON.parse(text)];
      } catch {
        throw new RutterError('ERR_CONFIG_INVALID', `--set ${one}: ${JSON.stringify(text)} is not JSON.`);
      }
    }),
  );
}

function readArgs(args: readonly string[]) {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      data: { type: 'string' },
      out: { type: 'string' },
      seed: { type: 'string', default: '1' },
      validation: { type: 'string', default: '0.15' },
      set: { type: 'string', multiple: true, default: [] },
      help: { type: 'boolean', default: false },
    },
  });
  return { ...values, strategy: positionals[0] };
}

interface Job {
  readonly strategy: string;
  readonly data: LabData;
  readonly options: Pick<TrainOptions, 'seed' | 'validationShare' | 'embedder' | 'settings'>;
}

function trained({ strategy, data, options }: Job, output: Output): Buffer {
  const begun = performance.now();
  return trainArtefact(learnerOf(strategy), data.outcomes, data.raw, {
    ...options,
    dataHash: data.sha256,
    onProgress({ step, share, loss }) {
      const spent = (performance.now() - begun) / 1000;
      const left = share > 0 ? ((spent / share) * (1 - share)).toFixed(0) : '?';
      output.write(`${step}${loss === undefined ? '' : `, loss ${loss.toFixed(4)}`}, at most ${left} s left\n`);
    },
  });
}

async function save(bytes: Buffer, out: string, output: Output): Promise<void> {
  const { header } = readArtefact(bytes, out);
  // Whole or not at all: a gateway may be watching the file.
  await writeFile(`${out}.part`, bytes);
  await rename(`${out}.part`, out);
  output.write(`${out}: ${bytes.length} bytes, SHA-256 of its numbers ${header.sha256}\n`);
}

/** The exit code. */
export async function train(embedder: Embedder, args: readonly string[], output: Output): Promise<number> {
  const { strategy, data, out, seed, validation, set, help } = readArgs(args);
  if (help || strategy === undefined || data === undefined || out === undefined) {
    output.write(usage);
    return help ? 0 : 1;
  }
  const exported = await exportChats(strategy, { data, out }, output);
  if (exported !== undefined) return exported;
  if (strategy !== 'all') learnerOf(strategy);
  else if (set.length > 0)
    throw new RutterError('ERR_CONFIG_INVALID', '--set is an option of one learner; expected none with "all".');
  const validationShare = Number(validation);
  if (!(validationShare > 0 && validationShare < 0.9))
    throw new RutterError('ERR_CONFIG_INVALID', `--validation is ${validation}; expected a share between 0 and 0.9.`);
  const read = await readData(embedder, data);
  output.write(`${read.outcomes.questions.length} questions, ${read.outcomes.models.length} models\n`);
  const options = { seed: Number(seed), validationShare, embedder: embedder.version, settings: settingsOf(set) };
  if (strategy === 'all') return trainAll(read, options, { out, output });
  await save(trained({ strategy, data: read, options }, output), out, output);
  return 0;
}

const comparedShare = 0.2;

/** Each is measured once without a fifth of the questions, on that fifth, then learns from all. */
async function trainAll(
  data: LabData,
  options: Job['options'],
  { out, output }: { readonly out: string; readonly output: Output },
): Promise<number> {
  await mkdir(out, { recursive: true });
  const count = data.outcomes.questions.length;
  if (count < 10)
    throw new RutterError('ERR_CONFIG_INVALID', `There are ${count} questions; expected at least 10 to compare on.`);
  const { places, rest } = foldsOf(count, Math.round(1 / comparedShare), options.seed)[0] as Fold;
  const part = (chosen: readonly number[]): LabData => ({
    outcomes: pick(data.outcomes, chosen),
    raw: chosen.map((place) => data.raw[place] as RawFeatures),
    sha256: data.sha256,
  });
  const [seen, unseen] = [part(rest), part(places)];
  const rows: { readonly name: string; readonly quality: number; readonly line: string }[] = [];
  const quiet = { write: () => {} };
  for (const strategy of learners.keys()) {
    const bytes = trained({ strategy, data: seen, options }, quiet);
    const { result } = figures(prepared(bytes, unseen, { path: strategy, embedder: options.embedder }), unseen, 0);
    const { quality, gain, aiq } = result as { quality: number; gain: Interval; aiq?: number };
    const points = (value: number) => (100 * value).toFixed(2);
    const interval = `${points(gain.mean)} [${points(gain.low)}, ${points(gain.high)}]`;
    const line = `${points(quality)}  gain ${interval}${aiq === undefined ? '' : `  AIQ ${aiq.toFixed(4)}`}`;
    rows.push({ name: strategy, quality, line });
    await save(trained({ strategy, data, options }, quiet), join(out, `${strategy}.rra`), output);
  }
  output.write(
    `\nLearnt from ${rest.length} questions, measured on ${places.length}; the artefacts learnt from all.\n`,
  );
  const wide = Math.max(...rows.map(({ name }) => name.length));
  for (const { name, line } of rows.sort((a, b) => b.quality - a.quality))
    output.write(`${name.padEnd(wide)}  ${line}\n`);
  return 0;
}
