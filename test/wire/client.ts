/** The official SDK's end of the wire: asks, and reads replies as any client does. */
import type OpenAI from 'openai';
import { expect } from 'vitest';
import { type Called, type Fields, fieldsOf, listOf, type Tokens, type Told } from './truth.ts';

export type Chat = Omit<OpenAI.ChatCompletionCreateParamsNonStreaming, 'model' | 'stream'> & Fields;

export const user = (content: string) => ({ role: 'user' as const, content });

const tokensOf = (usage: OpenAI.CompletionUsage | null | undefined): Tokens | undefined =>
  usage
    ? {
        prompt: usage.prompt_tokens,
        completion: usage.completion_tokens,
        cached: usage.prompt_tokens_details?.cached_tokens ?? 0,
        reasoning: usage.completion_tokens_details?.reasoning_tokens ?? 0,
      }
    : undefined;

const calledBy = (calls: unknown): Called[] =>
  listOf(calls).map(({ id, function: called }) => {
    const { name, arguments: text } = fieldsOf(called);
    return { id: String(id), name: String(name), input: JSON.parse(String(text)) as unknown };
  });

/** Asks for a whole reply, and holds it to what every reply must be. */
export async function askWhole(client: OpenAI, model: string, chat: Chat): Promise<Told> {
  const reply = await client.chat.completions.create({ ...chat, model });
  expect(reply).toMatchObject({ object: 'chat.completion', model, id: expect.stringMatching(/./) });
  expect(reply.created).toBeGreaterThan(1_700_000_000);
  expect(reply.choices).toHaveLength(1);
  const [choice] = reply.choices;
  expect(choice).toMatchObject({ index: 0, message: { role: 'assistant' } });
  if (reply.usage) expect(reply.usage.total_tokens).toBe(reply.usage.prompt_tokens + reply.usage.completion_tokens);
  const message = choice!.message;
  return {
    text: message.content ?? '',
    calls: calledBy(message.tool_calls),
    reasoning: String(fieldsOf(message).reasoning_content ?? ''),
    finish: choice!.finish_reason,
    tokens: tokensOf(reply.usage),
  };
}

export type Chunk = OpenAI.ChatCompletionChunk;

export async function chunksOf(client: OpenAI, model: string, chat: Chat): Promise<Chunk[]> {
  return collected(await client.chat.completions.create({ ...chat, model, stream: true }));
}

export async function collected<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of stream) items.push(item);
  return items;
}

/** Asks for a stream with its usage, and holds it to what every stream must be. */
export async function askStream(client: OpenAI, model: string, chat: Chat): Promise<Told> {
  const chunks = await chunksOf(client, model, { ...chat, stream_options: { include_usage: true } } as unknown as Chat);
  expectWellFormed(chunks, model);
  return toldIn(chunks);
}

/** The rules of chunks that clients depend on. */
export function expectWellFormed(chunks: readonly Chunk[], model: string): void {
  expect(new Set(chunks.map(({ id }) => id)).size, 'ids of one stream').toBe(1);
  for (const chunk of chunks) expect(chunk).toMatchObject({ object: 'chat.completion.chunk', model });
  const choices = chunks.flatMap((chunk) => chunk.choices);
  expect(choices[0]?.delta.role, 'role of the first delta').toBe('assistant');
  expect(choices.filter(({ delta }) => delta.role !== undefined)).toHaveLength(1);
  expect(choices.filter(({ finish_reason: finish }) => finish !== null).length, 'finish reasons').toBe(1);
  expect(choices.at(-1)?.finish_reason, 'finish reason of the last choice').not.toBeNull();
  const withoutChoices = chunks.filter((chunk) => chunk.choices.length === 0);
  expect(withoutChoices.length, 'chunks that only tell usage').toBeLessThanOrEqual(1);
  if (withoutChoices.length > 0) expect(chunks.at(-1)).toBe(withoutChoices[0]);
  expectSteadyCalls(choices.flatMap(({ delta }) => delta.tool_calls ?? []));
}

/** Every delta of a call has its index; its id and name come once, first. */
function expectSteadyCalls(deltas: readonly OpenAI.ChatCompletionChunk.Choice.Delta.ToolCall[]): void {
  const seen = new Set<number>();
  for (const { index, id, function: called } of deltas) {
    expect(index).toBeTypeOf('number');
    if (!seen.has(index)) {
      expect([...seen].length, 'index of a new call').toBe(index);
      expect(id, 'id of a new call').toMatch(/./);
      expect(called?.name, 'name of a new call').toMatch(/./);
    } else {
      expect(id, 'id told again').toBeUndefined();
      expect(called?.name, 'name told again').toBeUndefined();
    }
    seen.add(index);
  }
}

/** What the chunks of one choice add up to. */
export function toldIn(chunks: readonly Chunk[], index = 0): Told {
  const choices = chunks.flatMap((chunk) => chunk.choices).filter((choice) => choice.index === index);
  const calls: { id: string; function: { name: string; arguments: string } }[] = [];
  for (const { index: at, id, function: called } of choices.flatMap(({ delta }) => delta.tool_calls ?? [])) {
    calls[at] ??= { id: id ?? '', function: { name: called?.name ?? '', arguments: '' } };
    calls[at].function.arguments += called?.arguments ?? '';
  }
  return {
    text: choices.map(({ delta }) => delta.content ?? '').join(''),
    calls: calledBy(calls),
    reasoning: choices.map(({ delta }) => fieldsOf(delta).reasoning_content ?? '').join(''),
    finish: choices.find(({ finish_reason: finish }) => finish !== null)?.finish_reason ?? null,
    tokens: tokensOf(chunks.findLast(({ usage }) => usage)?.usage),
  };
}
