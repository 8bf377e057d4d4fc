/** Outcomes and what learners see of their questions, from files. */
import { readFile, stat } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { type Embedder, RutterError } from '@rutter/plugin-sdk';
import { type Outcomes, type RawFeatures, rawFeatures, readOutcomes } from '@rutter/plugin-sdk/learning';

export interface LabData {
  readonly outcomes: Outcomes;
  readonly raw: readonly RawFeatures[];
  readonly sha256: string;
}

const mostBytes = 1024 * 1024 * 1024;
const batch = 256;

async function readText(path: string): Promise<string> {
  const found = await stat(path).catch(() => undefined);
  if (!found?.isFile())
    throw new RutterError(
      'ERR_CONFIG_INVALID',
      `${path} is no file; expected outcomes, one a line, .jsonl or .jsonl.gz.`,
    );
  if (found.size > mostBytes)
    throw new RutterError('ERR_CONFIG_INVALID', `${path} has ${found.size} bytes; expected at most ${mostBytes}.`);
  return unpacked(await readFile(path), path);
}

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
  for (const line of text.split('\n')) {
    if (line.trim() === '') continue;
    const row = JSON.parse(line) as Readonly<Record<string, unknown>>;
    const { response, ground_truth: truth } = row;
    if (typeof response !== 'string' || response.trim() === '') continue;
    const key = saidKey(String(row.query_id ?? row.query), String(row.model ?? row.model_name));
    said.set(key, { response, truth: typeof truth === 'string' && truth !== '' ? truth : undefined });
  }
  return { outcomes, said };
}

/** `.jsonl` or `.jsonl.gz`, ours or LLMRouter's. Throws ERR_CONFIG_INVALID with file and line. */
export async function readData(embedder: Embedder, path: string): Promise<LabData> {
  const { outcomes, sha256 } = readOutcomes(await readText(path), path);
  const raw: RawFeatures[] = [];
  for (let from = 0; from < outcomes.questions.length; from += batch) {
    const texts = outcomes.questions.slice(from, from + batch).map(({ text }) => text);
    const vectors = await embedder.embed(texts);
    texts.forEach((text, index) => {
      raw.push(rawFeatures(text, vectors[index] as Float32Array));
    });
  }
  return { outcomes, raw, sha256 };
}

function unpacked(bytes: Buffer, path: string): string {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes.toString('utf8');
  try {
    return gunzipSync(bytes, { maxOutputLength: mostBytes }).toString('utf8');
  } catch (error) {
    throw new RutterError('ERR_CONFIG_INVALID', `${path} cannot be unpacked: ${(error as Error).message}.`);
  }
}
