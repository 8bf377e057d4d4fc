/** Outcomes and what learners see of their questions, from files or the gateway's own store. */
import { createHash } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Embedder, RutterError, type Store } from '@rutter/plugin-sdk';
import {
  type Outcomes,
  OutcomeTable,
  type RawFeatures,
  rawFeatures,
  readJsonLines,
  readOutcomeRow,
  readOutcomes,
} from '@rutter/plugin-sdk/learning';
import { asCandidate, type Candidates, readCandidates } from './candidates.ts';
import { readCsvRows } from './csv.ts';
import { readLedger } from './ledger.ts';
import { readText } from './text-file.ts';

export interface LabData {
  readonly outcomes: Outcomes;
  readonly raw: readonly RawFeatures[];
  readonly sha256: string;
}

export interface DataOptions {
  /** Which of LLMRouter's files in a folder; `train` when absent. */
  readonly side?: 'train' | 'test';
  /** LLMRouter's candidates: others are left out, prices tell costs. */
  readonly candidates?: string | undefined;
  /** What `ledger` reads. */
  readonly store?: Store | undefined;
}

const batch = 256;

/** What a model said to a question, and what would have been right, where outcomes tell it. */
export interface SaidRow {
  readonly response: string;
  readonly truth: string | undefined;
}

export const saidKey = (question: string, model: string) => `${question}\u0000${model}`;

/** Outcomes as they are, with what was said by question and model. Throws as {@link readData} does. */
export async function readRows(
  path: string,
): Promise<{ readonly outcomes: Outcomes; readonly said: ReadonlyMap<string, SaidRow> }> {
  const text = await readText(path);
  const { outcomes } = readOutcomes(text, path);
  const said = new Map<string, SaidRow>();
  for (const { fields: row } of readJsonLines(text, path)) {
    const { response, ground_truth: truth } = row;
    if (typeof response !== 'string' || response.trim() === '') continue;
    const key = saidKey(String(row.query_id ?? row.query), String(row.model ?? row.model_name));
    said.set(key, { response, truth: typeof truth === 'string' && truth !== '' ? truth : undefined });
  }
  return { outcomes, said };
}

/** LLMRouter's files in a folder: routing data, and beside it queries and candidates where there are any. */
async function filesOf(folder: string, side: 'train' | 'test') {
  const names = (await readdir(folder)).sort();
  const find = (pattern: RegExp) => names.find((name) => pattern.test(name));
  const ending = '(?:\\.jsonl|\\.jsonl\\.gz)$';
  const either = (kind: string) =>
    find(new RegExp(`^${kind}_${side}${ending}`)) ?? find(new RegExp(`^${kind}.*${ending}`));
  const routing = either('routing_data');
  if (routing === undefined)
    throw new RutterError(
      'ERR_CONFIG_INVALID',
      `${folder} holds no routing_data_${side}.jsonl; found ${names.slice(0, 20).join(', ') || 'nothing'}.`,
    );
  const path = (name: string | undefined) => (name === undefined ? undefined : join(folder, name));
  return {
    routing: join(folder, routing),
    queries: path(either('query_data')),
    candidates: path(find(/^(?:default_llm|llm_candidates)\.json$/)),
  };
}

/** Fields that the queries know of a question, by its words. */
async function readQueries(path: string): Promise<ReadonlyMap<unknown, Readonly<Record<string, unknown>>>> {
  const found = new Map<unknown, Readonly<Record<string, unknown>>>();
  for (const { fields } of readJsonLines(await readText(path), path))
    found.set(fields.query, { task_name: fields.task_name });
  return found;
}

interface RowsOptions {
  readonly candidates: Candidates | undefined;
  readonly queries: ReadonlyMap<unknown, Readonly<Record<string, unknown>>> | undefined;
}

async function readFileRows(path: string, { candidates, queries }: RowsOptions) {
  const text = await readText(path);
  const rows = /\.csv(?:\.gz)?$/i.test(path) ? readCsvRows(text, path) : readJsonLines(text, path);
  const table = new OutcomeTable();
  let count = 0;
  for (const { fields, where } of rows) {
    const own = candidates ? asCandidate(fields, candidates) : fields;
    if (!own) continue;
    table.add(readOutcomeRow({ ...queries?.get(own.query), ...own }, where));
    count++;
  }
  if (count === 0)
    throw new RutterError(
      'ERR_CONFIG_INVALID',
      `${path} holds no outcomes${candidates ? ' of the candidates' : ''}; expected one a line.`,
    );
  const told = candidates ? JSON.stringify([...candidates]) : '';
  return { outcomes: table.finish(), sha256: createHash('sha256').update(text).update(told).digest('hex') };
}

interface Rows {
  readonly outcomes: Outcomes;
  readonly sha256: string;
  readonly seen?: ReadonlyMap<string, RawFeatures>;
}

async function readAny(
  path: string,
  { side = 'train', candidates, store }: DataOptions,
  embedder: string,
): Promise<Rows> {
  if (path === 'ledger' && store) return readLedger(store, embedder);
  const isFolder = (await stat(path).catch(() => undefined))?.isDirectory() === true;
  const files = isFolder ? await filesOf(path, side) : { routing: path, queries: undefined, candidates: undefined };
  const prices = candidates ?? files.candidates;
  return readFileRows(files.routing, {
    candidates: prices === undefined ? undefined : await readCandidates(prices),
    queries: files.queries === undefined ? undefined : await readQueries(files.queries),
  });
}

/**
 * `.jsonl`, `.jsonl.gz` or `.csv`, ours, LLMRouter's or RouterBench's; a folder of LLMRouter's files; or `ledger`.
 * Throws ERR_CONFIG_INVALID with file and line.
 */
export async function readData(embedder: Embedder, path: string, options: DataOptions = {}): Promise<LabData> {
  const { outcomes, sha256, seen } = await readAny(path, options, embedder.version);
  const told = outcomes.questions.filter(({ id, text }) => text !== '' || !seen?.has(id));
  const measured = await rawOf(
    embedder,
    told.map(({ text }) => text),
  );
  const raw = new Map(told.map(({ id }, at) => [id, measured[at] as RawFeatures]));
  return { outcomes, raw: outcomes.questions.map(({ id }) => (raw.get(id) ?? seen?.get(id)) as RawFeatures), sha256 };
}

/** What is measured of each text. */
export async function rawOf(embedder: Embedder, texts: readonly string[]): Promise<RawFeatures[]> {
  const raw: RawFeatures[] = [];
  for (let from = 0; from < texts.length; from += batch) {
    const own = texts.slice(from, from + batch);
    const vectors = await embedder.embed(own);
    own.forEach((text, index) => {
      raw.push(rawFeatures(text, vectors[index] as Float32Array));
    });
  }
  return raw;
}
