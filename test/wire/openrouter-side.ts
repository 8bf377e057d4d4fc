/**
 * OpenRouter’s end of a stream: comments while it waits, reasoning under its
 * own name with details beside it, and the cost in usage.
 * https://openrouter.ai/docs/api-reference/streaming
 */
import { openAiEvents } from './openai-side.ts';
import { type Fields, fieldsOf, listOf, type Truth } from './truth.ts';

export const processing = ': OPENROUTER PROCESSING\n\n';

function ownDelta(delta: Fields): Fields {
  const { reasoning_content: text, ...rest } = delta;
  if (text === undefined) return rest;
  const detail = { type: 'reasoning.text', text, format: 'anthropic-claude-v1', index: 0 };
  return { content: '', ...rest, reasoning: text, reasoning_details: [detail] };
}

export function* openRouterEvents(truth: Truth, model: unknown, includesUsage: boolean): Generator<string> {
  yield processing;
  for (const event of openAiEvents(truth, model, includesUsage)) {
    const data = event.slice('data: '.length);
    if (!data.startsWith('{')) {
      yield event;
      continue;
    }
    const chunk = JSON.parse(data) as Fields;
    const choices = listOf(chunk.choices).map((choice) => ({
      ...choice,
      delta: ownDelta(fieldsOf(choice.delta)),
      native_finish_reason: choice.finish_reason,
    }));
    const usage = chunk.usage ? { ...fieldsOf(chunk.usage), cost: 0.00014, is_byok: false } : undefined;
    yield `data: ${JSON.stringify({ ...chunk, provider: 'Acme', choices, ...(usage && { usage }) })}\n\n`;
  }
}
