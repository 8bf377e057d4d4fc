/** Streams and a relay to run them through, for its tests. */
import { OpenAiRelay } from './relay.ts';

export const context = { model: 'my-group', includeUsage: true };
export const hidden = { model: 'my-group', includeUsage: false };

export const head = '"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-4o-2024-08-06"';
export const chunk = (delta: unknown, finish: string | null = null) =>
  `data: {${head},"choices":[{"index":0,"delta":${JSON.stringify(delta)},"logprobs":null,"finish_reason":${JSON.stringify(finish)}}],"usage":null}\n\n`;
export const usage = {
  prompt_tokens: 20,
  completion_tokens: 9,
  total_tokens: 29,
  prompt_tokens_details: { cached_tokens: 8 },
  completion_tokens_details: { reasoning_tokens: 4 },
};
export const usageChunk = `data: {${head},"choices":[],"usage":${JSON.stringify(usage)}}\n\n`;
export const opening = chunk({ role: 'assistant', content: '', refusal: null });
export const stream = [
  ': welcome\n\n',
  opening,
  chunk({ content: 'Grüße, 世界 👋 "quoted" \\ end' }),
  chunk({ tool_calls: [{ index: 0, id: 'call_1', type: 'function', function: { name: 'look', arguments: '' } }] }),
  chunk({ tool_calls: [{ index: 0, function: { arguments: '{"model":"not this"}' } }] }),
  chunk({}, 'tool_calls'),
  usageChunk,
  'data: [DONE]\n\n',
].join('');

export interface Ran {
  readonly text: string;
  readonly relay: OpenAiRelay;
}

export function run(pieces: readonly Uint8Array[], relay = new OpenAiRelay(context)): Ran {
  const sent: Uint8Array[] = [];
  for (const piece of pieces) {
    const out = relay.push(piece);
    if (out !== undefined) sent.push(Buffer.from(out));
  }
  const rest = relay.finish();
  if (rest !== undefined) sent.push(rest);
  return { text: Buffer.concat(sent).toString(), relay };
}

export const bytes = (text: string) => Buffer.from(text);
export const renamed = (text: string) => text.replaceAll('"model":"gpt-4o-2024-08-06"', '"model":"my-group"');
