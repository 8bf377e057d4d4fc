/** What the fine-tuned model is asked. The exporter of `rutter train llmrouter-causallm` writes the same words. */
import type { Message } from '@rutter/plugin-sdk';
import { labelInstructions, labelQuestion, modelNamed, type PoolModel } from '@rutter/plugin-sdk/rounds';

export interface Labelled {
  readonly label: string;
  readonly model: PoolModel;
}

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';

/** One label a model, in the order of labels. Labels that stand for none of these models are left out. */
export function labelsOf(
  pool: readonly PoolModel[],
  given: Readonly<Record<string, string>> | undefined,
): readonly Labelled[] {
  if (given === undefined) {
    const byName = pool.toSorted((a, b) => (a.name < b.name ? -1 : 1)).slice(0, letters.length);
    return byName.map((model, index) => ({ label: letters[index] as string, model }));
  }
  return Object.entries(given).flatMap(([label, name]) => {
    const model = modelNamed(pool, name);
    return model === undefined ? [] : [{ label, model }];
  });
}

export const labelPrompt = (labels: readonly Labelled[], words: string): readonly Message[] => [
  { role: 'system', content: labelInstructions(labels.map(({ label, model }) => [label, model.name])) },
  { role: 'user', content: labelQuestion(words) },
];

export const faithfulPrompt = (pool: readonly PoolModel[], words: string): readonly Message[] => [
  {
    role: 'user',
    content: `You are a router that names the best LLM for a query.\nLLMs: ${pool.map(({ name }) => name).join(', ')}\nQuery: ${words}\nBest LLM:`,
  },
];
