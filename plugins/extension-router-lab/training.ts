/** One training with its progress told, and the files that come of it. */
import { createHash } from 'node:crypto';
import { rename, writeFile } from 'node:fs/promises';
import { readArtefact, type TrainOptions } from '@rutter/plugin-sdk/learning';
import { cardOf } from './card.ts';
import type { LabData } from './data.ts';
import { learnerOf } from './learners.ts';
import type { Figures } from './measure.ts';
import type { Output } from './output.ts';
import { trainBeside } from './thread.ts';

export interface TrainingOptions extends Pick<TrainOptions, 'seed' | 'validationShare' | 'embedder'> {
  readonly settings: Readonly<Record<string, unknown>>;
}

interface Training {
  readonly strategy: string;
  readonly data: LabData;
  readonly options: TrainingOptions;
}

const toldEveryMs = 500;

/** Tells of each step that comes half a second after the last one told, and of the end. */
export async function trained({ strategy, data, options }: Training, tell: (line: string) => void): Promise<Buffer> {
  const begun = performance.now();
  let told = Number.NEGATIVE_INFINITY;
  const job = { learner: learnerOf(strategy).name, data, options: { ...options, dataHash: data.sha256 } };
  const bytes = await trainBeside(job, ({ step, share, loss }) => {
    const now = performance.now();
    if (now - told < toldEveryMs && share < 1) return;
    told = now;
    const left = share > 0 ? (((now - begun) / 1_000 / share) * (1 - share)).toFixed(0) : '?';
    tell(`${step}${loss === undefined ? '' : `, loss ${loss.toFixed(4)}`}, at most ${left} s left\n`);
  });
  tell(`learnt in ${((performance.now() - begun) / 1_000).toFixed(1)} s\n`);
  return bytes;
}

/** Whole or not at all: a gateway may be watching the file. */
export async function writeWhole(path: string, content: string | Uint8Array): Promise<void> {
  await writeFile(`${path}.part`, content);
  await rename(`${path}.part`, path);
}

export interface SaveOptions {
  readonly out: string;
  readonly source: string;
  readonly options: TrainingOptions;
  readonly unseen?: Figures | undefined;
}

/** The artefact, and its card beside it. */
export async function save(
  bytes: Buffer,
  { out, source, options, unseen }: SaveOptions,
  output: Output,
): Promise<void> {
  const { header } = readArtefact(bytes, out);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  await writeWhole(out, bytes);
  await writeWhole(
    `${out}.md`,
    cardOf({ header, sha256, source, seed: options.seed, settings: options.settings, unseen }),
  );
  output.write(`${out}: ${bytes.length} bytes, SHA-256 of its numbers ${header.sha256}\n`);
}
