/** Answers in OpenAI's shape: whole, and as the chunks of a stream. */
import type { EndReason, Usage } from '@rutter/plugin-sdk';
import { writeOpenAiUsage } from '@rutter/plugin-sdk/codecs';
import type { Answer, Called } from './answer.ts';

/** What every reply and chunk repeats. */
export interface Envelope {
  readonly id: string;
  readonly created: number;
  readonly model: string;
  readonly kind: 'chat' | 'completions';
}

const finishReasons: Readonly<Record<EndReason, string>> = {
  stop: 'stop',
  length: 'length',
  'tool-calls': 'tool_calls',
  refusal: 'content_filter',
};

function enveloped({ id, created, model, kind }: Envelope, isChunk: boolean, rest: object): object {
  const object = kind === 'completions' ? 'text_completion' : isChunk ? 'chat.completion.chunk' : 'chat.completion';
  return { id, object, created, model, ...rest };
}

export function wholeReply(envelope: Envelope, answers: readonly Answer[], usage: Usage | undefined): object {
  const choices = answers.map((answer, index) => ({
    index,
    ...(envelope.kind === 'completions' ? { text: answer.tokens.join('') } : { message: message(answer) }),
    logprobs: null,
    finish_reason: finishReasons[answer.end],
  }));
  return enveloped(envelope, false, { choices, ...(usage && { usage: writeOpenAiUsage(usage) }) });
}

function message({ tokens, reasoning, refusal, calls }: Answer): object {
  return {
    role: 'assistant',
    content: tokens.length === 0 && (calls.length > 0 || refusal !== undefined) ? null : tokens.join(''),
    refusal: refusal ?? null,
    ...(reasoning.length > 0 && { reasoning_content: reasoning.join('') }),
    ...(calls.length > 0 && { tool_calls: calls.map(wholeCall) }),
  };
}

const wholeCall = ({ id, name, arguments: json }: Called) => ({
  id,
  type: 'function',
  function: { name, arguments: json },
});

/** One event of a stream, and whether it carries a token: those are paced. */
export interface Piece {
  readonly event: object;
  readonly isToken: boolean;
}

/** The chunks of a stream, choice by choice, the usage last. */
export function* pieces(envelope: Envelope, answers: readonly Answer[], usage: Usage | undefined): Generator<Piece> {
  const chunk = (choices: object[], rest: object = {}) => enveloped(envelope, true, { choices, ...rest });
  for (const [index, answer] of answers.entries()) {
    const delta = (fields: object, isToken: boolean): Piece => ({
      event: chunk([{ index, delta: fields, finish_reason: null }]),
      isToken,
    });
    const text = (token: string): Piece => ({
      event: chunk([{ index, text: token, finish_reason: null }]),
      isToken: true,
    });
    if (envelope.kind === 'chat') yield delta({ role: 'assistant', content: '' }, false);
    for (const token of answer.reasoning) yield delta({ reasoning_content: token }, true);
    for (const token of answer.tokens) yield envelope.kind === 'chat' ? delta({ content: token }, true) : text(token);
    if (answer.refusal !== undefined) yield delta({ refusal: answer.refusal }, true);
    for (const fields of callDeltas(answer.calls)) yield delta(fields, true);
    const end = { index, finish_reason: finishReasons[answer.end] };
    yield { event: chunk([envelope.kind === 'chat' ? { ...end, delta: {} } : { ...end, text: '' }]), isToken: false };
  }
  if (usage !== undefined) yield { event: chunk([], { usage: writeOpenAiUsage(usage) }), isToken: false };
}

/** A call opens with its name; its arguments follow in pieces, as vendors send them. */
function* callDeltas(calls: readonly Called[]): Generator<object> {
  for (const [index, { id, name, arguments: json }] of calls.entries()) {
    yield { tool_calls: [{ index, id, type: 'function', function: { name, arguments: '' } }] };
    for (let start = 0; start < json.length; start += 12) {
      yield { tool_calls: [{ index, function: { arguments: json.slice(start, start + 12) } }] };
    }
  }
}

/** An error body. */
export const errorBody = (message: string, code: string | null, status: number): object => ({
  error: { message, type: status < 500 ? 'invalid_request_error' : 'server_error', param: null, code },
});
