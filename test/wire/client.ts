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

/** What a client reads, and what it sends back as its history. */
export interface Reply {
  readonly told: Told;
  /** The assistant's message with all fields, known or not. */
  readonly message: Fields;
  readonly headers: Headers;
}

export const askWhole = async (client: OpenAI, model: string, chat: Chat): Promise<Told> =>
  (await replyWhole(client, model, chat)).told;

/** Asks for a whole reply, and holds it to what every reply must be. */
export async function replyWhole(client: OpenAI, model: string, chat: Chat): Promise<Reply> {
  const { data: reply, response } = await client.chat.completions.create({ ...chat, model }).withResponse();
  expect(reply).toMatchObject({ object: 'chat.completion', model, id: expect.stringMatching(/./) });
  expect(reply.created).toBeGreaterThan(1_700_000_000);
  expect(reply.choices).toHaveLength(1);
  const [choice] = reply.choices;
  expect(choice).toMatchObject({ index: 0, message: { role: 'assistant' } });
  if (reply.usage) expect(reply.usage.total_tokens).toBe(reply.usage.prompt_tokens + reply.usage.completion_tokens);
  const message = choice!.message;
  const told = {
    text: message.content ?? '',
    calls: calledBy(message.tool_calls),
    reasoning: String(fieldsOf(message).reasoning_content ?? ''),
    finish: choice!.finish_reason,
    tokens: tokensOf(reply.usage),
  };
  return { told, message: fieldsOf(message), headers: response.headers };
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

export const askStream = async (client: OpenAI, model: string, chat: Chat): Promise<Told> =>
  (await replyStreamed(client, model, chat)).told;

/** Asks for a stream with its usage, and holds it to what every stream must be. */
export async function replyStreamed(client: OpenAI, model: string, chat: Chat): Promise<Reply> {
  const body = { ...chat, model, stream: true as const, stream_options: { include_usage: true } };
  const { data, response } = await client.chat.completions.create(body).withResponse();
  const chunks = await collected(data);
  expectWellFormed(chunks, model);
  return { told: toldIn(chunks), message: messageIn(chunks), headers: response.headers };
}

/** The message that the deltas of a stream add up to, as a client puts it together that keeps what it does not know. */
function messageIn(chunks: readonly Chunk[]): Fields {
  const message: Record<string, unknown> = {};
  for (const { delta } of chunks.flatMap(({ choices }) => choices)) grow(message, fieldsOf(delta));
  return message;
}

/** Texts and lists grow at their end, entries with an index in their place; of anything else the last value stands. */
function grow(into: Record<string, unknown>, delta: Fields): void {
  for (const [name, value] of Object.entries(delta)) {
    const before = into[name];
    if (value === null || value === undefined) into[name] ??= value;
    else if (typeof value === 'string' && typeof before === 'string' && name !== 'role') into[name] = before + value;
    else if (Array.isArray(value)) {
      into[name] ??= [];
      const list = into[name] as Record<string, unknown>[];
      for (const { index, ...entry } of listOf(value)) {
        const known = typeof index === 'number' ? list[index] : undefined;
        if (known === undefined) list.push({ ...entry });
        else grow(known, entry);
      }
    } else if (typeof value === 'object' && typeof before === 'object' && before !== null)
      grow(before as Record<string, unknown>, fieldsOf(value));
    else into[name] = value;
  }
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
