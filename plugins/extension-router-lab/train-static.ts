/** `rutter train embedder-static --from onnx|http --data TEXTS --out FOLDER`: a table of token vectors for other languages and domains. */
import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Embedder, RutterError } from '@rutter/plugin-sdk';
import { WordPiece } from '@rutter/plugin-sdk/embedding';
import { readJsonLines } from '@rutter/plugin-sdk/learning';
import type { Output } from './output.ts';
import { firstIdOf, piecesOf } from './pieces.ts';
import { readText } from './text-file.ts';
import { type Progress, tableBeside } from './thread.ts';
import { writeWhole } from './training.ts';

export interface StaticOptions {
  readonly from: string | undefined;
  readonly data: string;
  readonly out: string;
  readonly vocab: string | undefined;
  readonly seed: number;
  readonly settings: Readonly<Record<string, unknown>>;
}

const refuse = (message: string) => new RutterError('ERR_CONFIG_INVALID', message);

const mostTexts = 100_000;
const mostTokens = 512;
const batch = 64;
const usual = { dims: 128, pieces: 30_000, epochs: 20 };

/** Whole numbers of `--set`. */
function settingsOf(given: StaticOptions['settings']): typeof usual {
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(usual, name)) throw refuse(`--set ${name}: expected one of ${Object.keys(usual).join(', ')}.`);
    if (!Number.isInteger(value) || (value as number) < 1)
      throw refuse(`--set ${name} is ${JSON.stringify(value)}; expected a whole number from 1.`);
  }
  return { ...usual, ...given };
}

/** One text a line, or the field `query` or `text` of lines of JSON. */
async function readTexts(path: string): Promise<string[]> {
  const content = await readText(path);
  const isJson = /\.jsonl(?:\.gz)?$/i.test(path);
  const found = isJson
    ? Array.from(readJsonLines(content, path), ({ fields, where }) => {
        const text = fields.query ?? fields.text;
        if (typeof text !== 'string') throw refuse(`${where}: found no text; expected "query" or "text".`);
        return text;
      })
    : content.split(/\r?\n/);
  const texts = [...new Set(found.filter((text) => text.trim() !== ''))].slice(0, mostTexts);
  if (texts.length < 20) throw refuse(`${path} holds ${texts.length} texts; expected at least 20.`);
  return texts;
}

/** All vectors in one block. */
async function vectorsOf(
  teacher: Embedder,
  texts: readonly string[],
  tell: (share: number) => void,
): Promise<Float32Array> {
  const all = new Float32Array(texts.length * teacher.dimensions);
  for (let from = 0; from < texts.length; from += batch) {
    const vectors = await teacher.embed(texts.slice(from, from + batch));
    vectors.forEach((vector, at) => {
      all.set(vector, (from + at) * teacher.dimensions);
    });
    tell(Math.min(1, (from + batch) / texts.length));
  }
  return all;
}

/** RSE1: see the README of embedder-static. */
function tableFile(values: Float32Array, dimensions: number, firstId: number): Buffer {
  const rows = values.length / dimensions;
  const head = Buffer.alloc(32);
  head.write('RSE1', 'latin1');
  [1, rows, dimensions, firstId, mostTokens, 0, 0].forEach((value, at) => void head.writeUInt32LE(value, 4 + 4 * at));
  const scales = Buffer.alloc(4 * rows);
  const bytes = Buffer.alloc(rows * dimensions);
  for (let row = 0; row < rows; row++) {
    const own = values.subarray(row * dimensions, (row + 1) * dimensions);
    const scale = own.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 127;
    scales.writeFloatLE(scale, 4 * row);
    if (scale > 0) own.forEach((value, at) => void bytes.writeInt8(Math.round(value / scale), row * dimensions + at));
  }
  return Buffer.concat([head, scales, bytes]);
}

function checkTeacher({ version }: Embedder, from: string | undefined): void {
  if (from !== 'onnx' && from !== 'http')
    throw refuse(`--from is ${from ?? 'missing'}; expected onnx or http, whose vectors are learnt from.`);
  if (!version.startsWith(`${from}-`))
    throw refuse(
      `--from ${from} learns from embedder-${from}; the configuration has the embedder ${version}. List embedder-${from} under plugins.`,
    );
}

/** Tells of a stage at most twice a second. */
function teller(output: Output): (stage: string, share: number, loss?: number) => void {
  let [stageBefore, begun, told] = ['', 0, 0];
  return (stage, share, loss) => {
    const now = performance.now();
    const kind = stage.replace(/\d+/, '');
    if (kind !== stageBefore) begun = now;
    if (kind === stageBefore && now - told < 500 && share < 1) return;
    [stageBefore, told] = [kind, now];
    const left = (((now - begun) / 1_000 / share) * (1 - share)).toFixed(0);
    output.write(`${stage}${loss === undefined ? '' : `, loss ${loss.toFixed(4)}`}, at most ${left} s left\n`);
  };
}

/** The exit code. */
export async function trainStatic(teacher: Embedder, options: StaticOptions, output: Output): Promise<number> {
  checkTeacher(teacher, options.from);
  const { dims, pieces: most, epochs } = settingsOf(options.settings);
  if (dims > teacher.dimensions) throw refuse(`--set dims is ${dims}; the teacher has ${teacher.dimensions}.`);
  const texts = await readTexts(options.data);
  const given = options.vocab === undefined ? undefined : await readText(options.vocab);
  const pieces =
    given?.split(/\r?\n/).filter((line, at, all) => line !== '' || at < all.length - 1) ?? piecesOf(texts, most);
  if (!pieces.includes('[UNK]')) throw refuse(`${options.vocab} has no [UNK]; expected one WordPiece piece a line.`);
  const firstId = firstIdOf(pieces);
  output.write(`${texts.length} texts, ${pieces.length} pieces, teacher ${teacher.version}\n`);
  const words = new WordPiece(pieces);
  const idsOfTexts = texts.map((text) => words.ids(text, firstId, mostTokens));
  const starts = new Int32Array(texts.length + 1);
  idsOfTexts.forEach((ids, at) => {
    starts[at + 1] = (starts[at] as number) + ids.length;
  });
  const tell = teller(output);
  const input = {
    tokens: Int32Array.from(idsOfTexts.flat(), (id) => id - firstId),
    starts,
    texts: await vectorsOf(teacher, texts, (share) => tell('vectors of texts', share)),
    alone: await vectorsOf(
      teacher,
      pieces.slice(firstId).map((piece) => piece.replace(/^##/, '')),
      (share) => tell('vectors of pieces', share),
    ),
    ...{ width: teacher.dimensions, dimensions: dims, seed: options.seed, epochs },
  };
  const { values, before, after } = await tableBeside(input, ({ step, share, loss }: Progress) =>
    tell(step, share, loss),
  );
  const table = tableFile(values, dims, firstId);
  const vocabulary = `${pieces.join('\n')}\n`;
  const sha256 = (content: string | Uint8Array) => createHash('sha256').update(content).digest('hex');
  const id = `static-${dims}-${sha256(sha256(table) + sha256(vocabulary)).slice(0, 12)}`;
  const manifest = {
    ...{ id, dims, rows: values.length / dims, first_id: firstId, max_tokens: mostTokens, teacher: teacher.version },
    ...{ texts: texts.length, texts_sha256: sha256(texts.join('\n')), seed: options.seed, cosine: { before, after } },
    sha256: { 'static.bin': sha256(table), 'vocab.txt': sha256(vocabulary) },
  };
  await mkdir(options.out, { recursive: true });
  await writeWhole(join(options.out, 'vocab.txt'), vocabulary);
  await writeWhole(join(options.out, 'static.bin'), table);
  await writeWhole(join(options.out, 'manifest.json'), `${JSON.stringify(manifest, undefined, 2)}\n`);
  output.write(
    `${options.out}: ${id}, mean cosine to the teacher on texts kept aside ${after.toFixed(4)} (${before.toFixed(4)} before learning)\n`,
  );
  return 0;
}
