/**
 * Azure’s end of the wire: OpenAI’s shape, with what the content filter found
 * beside everything, and a first chunk that has neither id nor choices.
 * https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-streaming
 */
import { openAiEvents, openAiWhole } from './openai-side.ts';
import { type Fields, fieldsOf, listOf, type Truth } from './truth.ts';

const safe = { hate: { filtered: false, severity: 'safe' }, violence: { filtered: false, severity: 'safe' } };
export const promptFilters = [{ prompt_index: 0, content_filter_results: safe }];

const filtered = (body: Fields): Fields => ({
  ...body,
  choices: listOf(body.choices).map((choice) => ({ ...choice, content_filter_results: safe })),
});

export const azureWhole = (truth: Truth, model: unknown): Fields => ({
  ...filtered(fieldsOf(openAiWhole(truth, model))),
  prompt_filter_results: promptFilters,
});

export function* azureEvents(truth: Truth, model: unknown, includesUsage: boolean): Generator<string> {
  const first = { choices: [], created: 0, id: '', model: '', object: '', prompt_filter_results: promptFilters };
  yield `data: ${JSON.stringify(first)}\n\n`;
  for (const event of openAiEvents(truth, model, includesUsage)) {
    const data = event.slice('data: '.length);
    yield data.startsWith('{') ? `data: ${JSON.stringify(filtered(JSON.parse(data) as Fields))}\n\n` : event;
  }
}
