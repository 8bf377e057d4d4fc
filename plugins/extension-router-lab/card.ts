/** The model card: what an artefact is, what it learnt from, and how it was measured. */
import type { ArtefactHeader } from '@rutter/plugin-sdk/learning';
import type { Figures } from './measure.ts';

export interface CardInput {
  readonly header: ArtefactHeader;
  /** SHA-256 of the whole file. */
  readonly sha256: string;
  readonly source: string;
  readonly seed: number;
  readonly settings: Readonly<Record<string, unknown>>;
  /** On questions that another artefact of the same learner had not seen. */
  readonly unseen?: Figures | undefined;
}

const percent = (value: number) => `${(100 * value).toFixed(2)} %`;

function measured({ header: { metrics }, unseen }: CardInput): string[] {
  if (unseen) {
    const { gain } = unseen;
    return [
      `On ${unseen.questions} questions, by one that learnt from the others alone:`,
      '',
      `- quality ${percent(unseen.quality)}; the best single model, ${unseen.bestSingle.model}, ${percent(unseen.bestSingle.quality ?? Number.NaN)}; the best answer to each ${percent(unseen.oracle)}`,
      `- gain ${percent(gain.mean)}, with 95 % confidence ${percent(gain.low)} to ${percent(gain.high)}`,
      `- calibration error ${percent(unseen.calibration.error)}`,
      ...(unseen.aiq === undefined ? [] : [`- AIQ ${unseen.aiq.toFixed(4)}`]),
      ...(unseen.apgr === undefined ? [] : [`- APGR ${unseen.apgr.toFixed(3)}`]),
    ];
  }
  const { keptAside, keptAsideQuality = Number.NaN, keptAsideBestSingle = Number.NaN } = metrics;
  if (keptAside === undefined)
    return ['Nothing was kept aside in the end: it learnt from all questions. `rutter eval` measures it on others.'];
  return [
    `On the ${keptAside} questions that were kept aside, which told when to stop and so flatter a little:`,
    '',
    `- quality ${percent(keptAsideQuality)}; the best single model ${percent(keptAsideBestSingle)}`,
  ];
}

/** Markdown; the same training gives the same text. */
export function cardOf(input: CardInput): string {
  const { header, sha256, source, seed, settings } = input;
  const numbers = header.blocks.reduce((sum, [, length]) => sum + length, 0);
  const lines = [
    `# ${header.strategy}`,
    '',
    '| | |',
    '|---|---|',
    `| learnt from | ${source} |`,
    `| SHA-256 of that | ${header.dataHash} |`,
    `| questions | ${header.metrics.questions ?? ''} |`,
    `| models | ${header.models.join(', ')} |`,
    `| embedder | ${header.embedder}, ${header.dimensions} dimensions |`,
    `| seed, options | ${seed}, ${JSON.stringify(settings)} |`,
    `| numbers | ${numbers} |`,
    `| SHA-256 of the artefact | ${sha256} |`,
    '',
    '## Measured',
    '',
    ...measured(input),
  ];
  return `${lines.join('\n')}\n`;
}
