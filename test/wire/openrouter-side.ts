/**
 * OpenRouter’s end of a stream: comments while it waits, reasoning under its
 * own name with details beside it, and the cost in usage.
 * https://openrouter.ai/docs/api-reference/streaming
 */
import { openAiEvents, openAiWhole } from './openai-side.ts';
import { type Fields, fieldsOf, listOf, type Truth } from './truth.ts';

export const processing = ': OPENROUTER PROCESSING\n\n';

const sealedDetail = { type: 'reasoning.encrypted', format: 'anthropic-claude-v1', index: 1 };
const detail = { type: 'reasoning.text', format: 'anthropic-claude-v1', index: 0 };
const costUsd = 0.00014;
const counted = (usage: Fields) => ({ ...usage, cost: costUsd, is_byok: false });

function ownDelta(delta: Fields): Fields {
  const { reasoning_content: text, ...rest } = delta;
  if (text === undefined) return rest;
  return { content: '', ...rest, reasoning: text, reasoning_details: [{ ...detail, text }] };
}

export function openRouterWhole(truth: Truth, model: unknown): Fields {
  const { choices, usage, ...rest } = fieldsOf(openAiWhole(truth, model));
  const { signature, sealed } = truth;
  const closed = sealed === undefined ? [] : [{ ...sealedDetail, data: sealed }];
  const own = listOf(choices).map(({ message, ...choice }) => {
    const { reasoning_content: text, ...said } = fieldsOf(message);
    const shown = text === undefined ? [] : [{ ...detail, text, signature }];
    const list = [...shown, ...closed];
    const details = list.length > 0 ? { reasoning: text ?? null, reasoning_details: list } : {};
    return { ...choice, message: { ...said, ...details }, native_finish_reason: choice.finish_reason };
  });
  return { ...rest, provider: 'Acme', choices: own, usage: counted(fieldsOf(usage)) };
}

export function* openRouterEvents(truth: Truth, model: unknown, includesUsage: boolean): Generator<string> {
  yield processing;
  // The signature comes behind the text that it signs, what is sealed behind it.
  const signed =
    truth.signature === undefined || truth.reasoning === undefined ? [] : [{ ...detail, signature: truth.signature }];
  const closed = truth.sealed === undefined ? [] : [{ ...sealedDetail, data: truth.sealed }];
  const last = [...signed, ...closed];
  let isSigned = last.length === 0;
  for (const event of openAiEvents(truth, model, includesUsage)) {
    const data = event.slice('data: '.length);
    if (!data.startsWith('{')) {
      yield event;
      continue;
    }
    const chunk = JSON.parse(data) as Fields;
    const [{ delta = {} } = {}] = listOf(chunk.choices);
    if (!isSigned && isPastReasoning(fieldsOf(delta))) {
      isSigned = true;
      const choices = [
        { index: 0, delta: { content: '', reasoning_details: last }, finish_reason: null, native_finish_reason: null },
      ];
      yield `data: ${JSON.stringify({ ...chunk, provider: 'Acme', choices })}\n\n`;
    }
    const choices = listOf(chunk.choices).map((choice) => ({
      ...choice,
      delta: ownDelta(fieldsOf(choice.delta)),
      native_finish_reason: choice.finish_reason,
    }));
    const usage = chunk.usage ? counted(fieldsOf(chunk.usage)) : undefined;
    yield `data: ${JSON.stringify({ ...chunk, provider: 'Acme', choices, ...(usage && { usage }) })}\n\n`;
  }
}

const isPastReasoning = ({ role, reasoning_content: text }: Fields) => role === undefined && text === undefined;
