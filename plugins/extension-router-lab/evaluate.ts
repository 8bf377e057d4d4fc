/** `rutter eval --artefact A --data D [--strategy S]`. */
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Embedder, RutterError, type Store } from '@rutter/plugin-sdk';
import { type LabData, readData } from './data.ts';
import { learnerOf } from './learners.ts';
import { type Figures, figures, type Loaded, prepared, type Run } from './measure.ts';
import type { Output } from './output.ts';
import { reportOf } from './report.ts';
import { type DecisionTime, decisionUs, type Robustness, robustnessOf } from './robustness.ts';

const usage = `rutter eval --artefact ARTEFACT --data OUTCOMES

  --artefact PATH    what "rutter train" wrote: a file, or the folder of "rutter train all"
  --data SOURCE      outcomes nobody has learnt from: .jsonl, .jsonl.gz, .csv, a folder of LLMRouter's files, or ledger
  --strategy S       the only one to measure; every artefact of the folder when absent
  --cost-weight W    what the price of the dearest model weighs against quality 1; 0 when absent
  --candidates FILE  LLMRouter's candidates: others are left out, prices tell costs
  --json FILE        all figures
  --html FILE        a report with plots
  --decisions FILE   one {"query_id", "model"} a line, of one strategy
`;

/** What was measured of one strategy. */
export interface Measured {
  readonly loaded: Loaded;
  readonly own: Run;
  readonly result: Figures & { readonly robustness: Robustness | undefined; readonly decisionUs: DecisionTime };
}

const refuse = (message: string) => new RutterError('ERR_CONFIG_INVALID', message);

/** Files of artefacts by path: one, or those of a folder. */
async function artefactsOf(path: string, strategy: string | undefined): Promise<string[]> {
  const found = await stat(path).catch(() => undefined);
  if (!found) throw refuse(`${path} is not there; expected what "rutter train" wrote with --out.`);
  if (!found.isDirectory()) return [path];
  const names = (await readdir(path)).filter((name) => name.endsWith('.rra')).sort();
  const wanted = strategy === undefined ? names : names.filter((name) => name === `${strategy}.rra`);
  if (wanted.length > 0) return wanted.map((name) => join(path, name));
  throw refuse(`${path} holds ${names.join(', ') || 'no artefacts'}; expected ${strategy ?? 'STRATEGY'}.rra.`);
}

const percent = (value: number) => (100 * value).toFixed(2);
const dollars = (value: number) => `$${(1_000 * value).toPrecision(4)} a thousand`;

function rowsOf({ result }: Measured): readonly (readonly [string, string])[] {
  const { bestSingle, gain, robustness, decisionUs: time } = result;
  const rows: (readonly [string, string] | undefined)[] = [
    ['questions', String(result.questions)],
    ['quality', percent(result.quality)],
    [`best single (${bestSingle.model})`, percent(bestSingle.quality ?? Number.NaN)],
    ['gain', `${percent(gain.mean)}  [${percent(gain.low)}, ${percent(gain.high)}]`],
    ['oracle', percent(result.oracle)],
    ['gap to oracle', percent(result.gapToOracle)],
    ['random', percent(result.random)],
    ['share of questions moved', percent(result.moved)],
    result.unknown > 0 ? ['share of choices of unknown outcome', percent(result.unknown)] : undefined,
    result.meanCostUsd === undefined ? undefined : ['cost', dollars(result.meanCostUsd)],
    ['calibration error', percent(result.calibration.error)],
    result.aiq === undefined ? undefined : ['AIQ', result.aiq.toFixed(4)],
    result.aiqOfSingles === undefined ? undefined : ['AIQ of single models', result.aiqOfSingles.toFixed(4)],
    result.apgr === undefined ? undefined : ['APGR', result.apgr.toFixed(3)],
    result.cpt50 === undefined ? undefined : ['CPT(50 %)', percent(result.cpt50)],
    result.cpt80 === undefined ? undefined : ['CPT(80 %)', percent(result.cpt80)],
    robustness && [
      'same choice with typos',
      `${percent(robustness.typos.same)}  quality ${percent(robustness.typos.quality)}`,
    ],
    robustness && [
      'same choice in other words',
      `${percent(robustness.wording.same)}  quality ${percent(robustness.wording.quality)}`,
    ],
    ['decision', `${time.p50.toFixed(0)} µs, p99 ${time.p99.toFixed(0)} µs`],
  ];
  return rows.filter((row) => row !== undefined);
}

function table(rows: readonly (readonly string[])[]): string {
  const wide = (rows[0] ?? []).map((_none, at) => Math.max(...rows.map((row) => (row[at] ?? '').length)));
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, at) => cell.padEnd(wide[at] as number))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

function comparison(all: readonly Measured[]): string {
  const [head, ...rest] = ['strategy', 'quality', 'gain [95 %]', 'moved', 'AIQ', 'APGR', 'typos', 'words', 'µs'];
  const sorted = [...all].sort((a, b) => b.result.quality - a.result.quality);
  return table([
    [head as string, ...rest],
    ...sorted.map(({ result: { strategy, quality, gain, moved, aiq, apgr, robustness, decisionUs: time } }) => [
      ...[strategy, percent(quality), `${percent(gain.mean)} [${percent(gain.low)}, ${percent(gain.high)}]`],
      ...[percent(moved), aiq?.toFixed(4) ?? '', apgr?.toFixed(3) ?? ''],
      ...[robustness?.typos, robustness?.wording].map((one) => (one ? percent(one.same) : '')),
      time.p50.toFixed(0),
    ]),
  ]);
}

interface Wanted {
  readonly paths: readonly string[];
  readonly strategy: string | undefined;
  readonly data: LabData;
  readonly costWeight: number;
}

async function measureAll(embedder: Embedder, { paths, strategy, data, costWeight }: Wanted): Promise<Measured[]> {
  const all: Measured[] = [];
  for (const path of paths) {
    const loaded = prepared(await readFile(path), data, { path, embedder: embedder.version, strategy });
    const { result, own } = figures(loaded, data, costWeight);
    const robustness = await robustnessOf(embedder, { loaded, data, own, costWeight });
    all.push({ loaded, own, result: { ...result, robustness, decisionUs: decisionUs(loaded, data, costWeight) } });
  }
  return all;
}

function readArgs(args: readonly string[]) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      strategy: { type: 'string' },
      artefact: { type: 'string' },
      data: { type: 'string' },
      'cost-weight': { type: 'string', default: '0' },
      candidates: { type: 'string' },
      json: { type: 'string' },
      html: { type: 'string' },
      decisions: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  const costWeight = Number(values['cost-weight']);
  if (!(costWeight >= 0) || values['cost-weight'].trim() === '')
    throw refuse(`--cost-weight is ${values['cost-weight']}; expected a number of at least 0.`);
  if (values.strategy !== undefined) learnerOf(values.strategy);
  return { ...values, costWeight };
}

/** The exit code. */
export async function evaluate(
  { embedder, store }: { readonly embedder: Embedder; readonly store: Store },
  args: readonly string[],
  output: Output,
): Promise<number> {
  const { artefact, data: source, costWeight, ...values } = readArgs(args);
  if (values.help || artefact === undefined || source === undefined) {
    output.write(usage);
    return values.help ? 0 : 1;
  }
  const paths = await artefactsOf(artefact, values.strategy);
  if (values.decisions !== undefined && paths.length > 1)
    throw refuse(
      `--decisions names one file, and ${artefact} holds ${paths.length} artefacts; expected --strategy with it.`,
    );
  const data = await readData(embedder, source, { side: 'test', candidates: values.candidates, store });
  const all = await measureAll(embedder, { paths, strategy: values.strategy, data, costWeight });
  const [first] = all as [Measured];
  output.write(all.length === 1 ? table(rowsOf(first)) : comparison(all));
  if (values.json !== undefined) {
    const told = all.length === 1 ? first.result : { strategies: all.map(({ result }) => result) };
    await writeFile(values.json, `${JSON.stringify(told, undefined, 2)}\n`);
  }
  if (values.html !== undefined)
    await writeFile(values.html, reportOf({ all, data, source, costWeight, embedder: embedder.version }));
  if (values.decisions !== undefined) await writeFile(values.decisions, decisionLines(first, data));
  return 0;
}

const decisionLines = ({ own, loaded }: Measured, { outcomes }: LabData): string =>
  own.picks
    .map(({ model }, row) => {
      const decision = {
        query_id: outcomes.questions[row]?.id,
        model: outcomes.models[loaded.places[model] as number],
      };
      return `${JSON.stringify(decision)}\n`;
    })
    .join('');
