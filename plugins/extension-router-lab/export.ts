/**
 * Chats to fine-tune a language model with, for strategies whose model is
 * trained elsewhere: the prompt as it is sent while serving, and what would
 * have been the best answer to it. One chat a line, in OpenAI's format
 * (https://platform.openai.com/docs/guides/supervised-fine-tuning).
 */
import { rename, writeFile } from 'node:fs/promises';
import { RutterError } from '@rutter/plugin-sdk';
import { meansByModel, type Outcomes } from '@rutter/plugin-sdk/learning';
import {
  information,
  labelInstructions,
  labelQuestion,
  questionOf,
  turnsPrompt,
  withoutTags,
} from '@rutter/plugin-sdk/rounds';
import { readRows, type SaidRow, saidKey } from './data.ts';
import type { Output } from './output.ts';

interface Turn {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

interface Exported {
  readonly chats: readonly (readonly Turn[])[];
  /** Questions from which nothing can be learnt. */
  readonly leftOut: number;
  /** What else the user has to know. */
  readonly told: string;
}

interface Material {
  readonly outcomes: Outcomes;
  /** What was said, by question and model. */
  readonly said: ReadonlyMap<string, SaidRow>;
}

/** Prompts are cut as they are while serving. */
const labelCharacters = 2000;
const turnsCharacters = 16_000;
const usualTurns = 5;

const exporters: Readonly<Record<string, (material: Material) => Exported>> = {
  'llmrouter-causallm': labelChats,
  'llmrouter-r1': turnChats,
};

export const exportedNames: readonly string[] = Object.keys(exporters);

/** The exit code; undefined where the strategy is trained here. */
export async function exportChats(
  strategy: string,
  { data, out }: { readonly data: string; readonly out: string },
  output: Output,
): Promise<number | undefined> {
  const make = exporters[strategy];
  if (make === undefined) return undefined;
  const { chats, leftOut, told } = make(await readRows(data));
  if (chats.length === 0)
    throw new RutterError(
      'ERR_CONFIG_INVALID',
      `${data}: found no question that a model answered well; expected one at least.`,
    );
  // Whole or not at all.
  await writeFile(`${out}.part`, chats.map((messages) => `${JSON.stringify({ messages })}\n`).join(''));
  await rename(`${out}.part`, out);
  output.write(`${out}: ${chats.length} chats, ${leftOut} questions left out\n${told}`);
  return 0;
}

/** Index of the best model of each question, of equals the usually cheapest; undefined where none did anything right. */
function bestModels(outcomes: Outcomes): readonly (number | undefined)[] {
  const width = outcomes.models.length;
  const prices = meansByModel(outcomes.cost, width);
  const price = (model: number) => (Number.isNaN(prices[model]) ? Number.POSITIVE_INFINITY : (prices[model] as number));
  return outcomes.questions.map((_none, row) => {
    const of = (model: number) => outcomes.quality[row * width + model] as number;
    const tried = outcomes.models.flatMap((_name, model) => (of(model) > 0 ? [model] : []));
    return tried.sort((a, b) => of(b) - of(a) || price(a) - price(b) || a - b)[0];
  });
}

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';

function labelChats({ outcomes }: Material): Exported {
  const names = outcomes.models.toSorted();
  if (names.length > letters.length)
    throw new RutterError(
      'ERR_CONFIG_INVALID',
      `There are ${names.length} models; expected at most ${letters.length}, one a label.`,
    );
  const labels = names.map((name, index) => [letters[index] as string, name] as const);
  const labelOf = new Map(labels.map(([label, name]) => [name, label]));
  const chats = bestModels(outcomes).flatMap((best, row): (readonly Turn[])[] => {
    if (best === undefined) return [];
    const words = questionOf([{ role: 'user', content: outcomes.questions[row]?.text ?? '' }], labelCharacters);
    return [
      [
        { role: 'system', content: labelInstructions(labels) },
        { role: 'user', content: labelQuestion(words) },
        { role: 'assistant', content: labelOf.get(outcomes.models[best] as string) as string },
      ],
    ];
  });
  const told = `Configure: labels: ${JSON.stringify(Object.fromEntries(labels))}\n`;
  return { chats, leftOut: outcomes.questions.length - chats.length, told };
}

function turnChats({ outcomes, said }: Material): Exported {
  if (said.size === 0)
    throw new RutterError(
      'ERR_CONFIG_INVALID',
      'The outcomes have no "response"; expected what each model said, as LLMRouter’s routing data has it.',
    );
  const pool = outcomes.models.map((name) => `- ${name}`).join('\n');
  const chats = bestModels(outcomes).flatMap((best, row): (readonly Turn[])[] => {
    const question = outcomes.questions[row];
    if (best === undefined || question === undefined) return [];
    const name = outcomes.models[best] as string;
    const told = said.get(saidKey(question.id, name));
    if (told === undefined) return [];
    const words = questionOf([{ role: 'user', content: question.text }], turnsCharacters);
    return [
      [
        { role: 'user', content: turnsPrompt(pool, words, usualTurns) },
        {
          role: 'assistant',
          content: `<think>${name} answers such questions well.</think>\n<search>${name}: ${words}</search>`,
        },
        { role: 'user', content: information(told.response) },
        {
          role: 'assistant',
          content: `<think>That answers it.</think>\n<answer>${withoutTags(told.truth ?? told.response)}</answer>`,
        },
      ],
    ];
  });
  return { chats, leftOut: outcomes.questions.length - chats.length, told: '' };
}
