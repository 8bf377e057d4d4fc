/** Artefacts for learned strategies, trained on a small world in which one model counts and another one rhymes. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as learning from '@rutter/plugin-sdk/learning';
import { seededRandom } from '@rutter/plugin-sdk/testing';
import { onTestFinished } from 'vitest';

const subjects = [
  ['compute', 'the sum', 'of', '17', 'and', '25'],
  ['translate', 'the poem', 'into', 'French', 'with', 'rhyme'],
] as const;
const fillers = ['please', 'kindly', 'now', 'today', 'quickly', 'again', 'carefully', 'once'];
const models = ['counter-70b', 'poet-8b', 'clerk-13b'];

/** A question of one kind or the other. */
export function queryOf(kind: number, random: () => number): string {
  const filler = () => fillers[Math.floor(random() * fillers.length)];
  return [filler(), ...(subjects[kind] ?? subjects[0]), filler(), filler(), Math.floor(random() * 1000)].join(' ');
}

function isLearner(value: unknown): value is learning.Learner {
  return typeof value === 'object' && value !== null && 'train' in value && 'restore' in value && 'name' in value;
}

/** The path of one; throws for a strategy whose learner is not known. */
export async function artefactFor(strategy: string): Promise<string> {
  const learner = Object.values<unknown>(learning)
    .filter(isLearner)
    .find(({ name }) => name === strategy);
  if (learner === undefined) throw new Error(`Found no learner of ${strategy}; expected one in plugin-sdk/learning.`);
  const random = seededRandom(3);
  const table = new learning.OutcomeTable();
  for (let at = 0; at < 300; at += 1) {
    const query = queryOf(at % 2, random);
    for (const [index, model] of models.entries()) {
      const performance = random() < (index === at % 2 ? 0.95 : 0.2) ? 1 : 0;
      table.add({ query_id: `q${at}`, query, model, performance, cost: [0.004, 0.001, 0.002][index] as number });
    }
  }
  const outcomes = table.finish();
  const vector = (text: string) => Float32Array.of(text.length % 2, 1 - (text.length % 2));
  const raw = outcomes.questions.map(({ text }) => learning.rawFeatures(text, vector(text)));
  const about = { seed: 3, validationShare: 0.2, embedder: 'test-2', dataHash: 'parity' };
  const folder = await mkdtemp(join(tmpdir(), 'rutter-artefact-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, 'router.rra');
  await writeFile(path, learning.trainArtefact(learner, outcomes, raw, about));
  return path;
}
