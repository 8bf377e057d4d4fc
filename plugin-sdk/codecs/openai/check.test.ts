import { describe, expect, it } from 'vitest';
import { RutterError } from '../../contract/errors.ts';
import type { Dialect } from '../../contract/wire.ts';
import { openAiChatDialect, openAiCompletionsDialect, openAiEmbeddingsDialect } from './dialects.ts';

const read = (dialect: Dialect, fields: Record<string, unknown>, params = {}) =>
  dialect.read({ fields, params, headers: {} });

function refusal(dialect: Dialect, fields: Record<string, unknown>): { param: string | undefined; message: string } {
  try {
    read(dialect, fields);
  } catch (error) {
    if (RutterError.is(error) && error.code === 'ERR_REQUEST_INVALID')
      return { param: error.param, message: error.message };
    throw error;
  }
  throw new Error('The body was accepted.');
}

const user = { role: 'user', content: 'hello' };
const chat = (fields: Record<string, unknown>) => ({ model: 'm', messages: [user], ...fields });
const say = (message: unknown) => chat({ messages: [user, message] });

describe('a chat body', () => {
  it.each([
    ['model', { messages: [user] }],
    ['model', chat({ model: '' })],
    ['model', chat({ model: 7 })],
    ['messages', { model: 'm' }],
    ['messages', chat({ messages: [] })],
    ['messages', chat({ messages: 'hi' })],
    ['messages[1]', say('hi')],
    ['messages[1].role', say({ role: 'robot', content: '' })],
    ['messages[1].role', say({ content: '' })],
    ['messages[1].content', say({ role: 'user', content: 5 })],
    ['messages[1].content', say({ role: 'user' })],
    ['messages[1].content[0]', say({ role: 'user', content: ['x'] })],
    ['messages[1].content[0].type', say({ role: 'user', content: [{}] })],
    ['messages[1].content[0].text', say({ role: 'user', content: [{ type: 'text' }] })],
    ['messages[1].content[0].image_url', say({ role: 'user', content: [{ type: 'image_url' }] })],
    ['messages[1].content[0].image_url.url', say({ role: 'user', content: [{ type: 'image_url', image_url: {} }] })],
    ['messages[1].content[0].file', say({ role: 'user', content: [{ type: 'file' }] })],
    ['messages[1].tool_call_id', say({ role: 'tool', content: 'x' })],
    ['messages[1].tool_calls', say({ role: 'assistant', tool_calls: {} })],
    ['messages[1].tool_calls[0].id', say({ role: 'assistant', tool_calls: [{ function: {} }] })],
    [
      'messages[1].tool_calls[0].function.arguments',
      say({ role: 'assistant', tool_calls: [{ id: 'a', function: { name: 'f', arguments: {} } }] }),
    ],
    ['stream', chat({ stream: 'yes' })],
    ['stream_options', chat({ stream_options: true })],
    ['stream_options.include_usage', chat({ stream_options: { include_usage: 1 } })],
    ['temperature', chat({ temperature: '1' })],
    ['max_tokens', chat({ max_tokens: 0 })],
    ['max_tokens', chat({ max_tokens: 1.5 })],
    ['n', chat({ n: 0 })],
    ['stop', chat({ stop: [1] })],
    ['tools', chat({ tools: {} })],
    ['tools[0]', chat({ tools: ['x'] })],
    ['tools[0].type', chat({ tools: [{}] })],
    ['tools[0].function', chat({ tools: [{ type: 'function' }] })],
    ['tools[0].function.name', chat({ tools: [{ type: 'function', function: {} }] })],
    ['tools[0].function.parameters', chat({ tools: [{ type: 'function', function: { name: 'f', parameters: 'x' } }] })],
    ['tool_choice', chat({ tool_choice: 3 })],
    ['response_format', chat({ response_format: 'json' })],
  ])('is refused for its %s', (param, fields) => {
    const { param: named, message } = refusal(openAiChatDialect, fields);
    expect(named).toBe(param);
    expect(message).toContain(`${param}: found `);
    expect(message).toContain('expected ');
  });

  it('may carry null for every optional field, and fields nobody knows', () => {
    const nulls = {
      stream: null,
      stream_options: null,
      temperature: null,
      max_tokens: null,
      n: null,
      stop: null,
      tools: null,
      tool_choice: null,
    };
    expect(read(openAiChatDialect, chat({ ...nulls, novelty: 1 }))).toMatchObject({
      model: 'm',
      stream: false,
      includeUsage: false,
    });
  });

  it('may leave an assistant without content', () => {
    const call = { id: 'a', type: 'function', function: { name: 'f', arguments: '{}' } };
    expect(() => read(openAiChatDialect, say({ role: 'assistant', tool_calls: [call] }))).not.toThrow();
  });

  it('takes its model from the path first', () => {
    expect(read(openAiChatDialect, { messages: [user] }, { model: 'from-path' }).model).toBe('from-path');
    expect(read(openAiChatDialect, chat({}), { model: 'from-path' }).model).toBe('from-path');
  });

  it('tells whether it streams and wants usage', () => {
    expect(read(openAiChatDialect, chat({ stream: true, stream_options: { include_usage: true } }))).toMatchObject({
      stream: true,
      includeUsage: true,
    });
  });

  it('never quotes more than a few words of the caller', () => {
    expect(refusal(openAiChatDialect, chat({ response_format: 'x'.repeat(5000) })).message.length).toBeLessThan(150);
  });

  it('has the words of its messages as text', () => {
    const messages = [
      { role: 'system', content: 'be brief' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'what' },
          { type: 'image_url', image_url: { url: 'x' } },
        ],
      },
      { role: 'assistant', content: null },
    ];
    expect(openAiChatDialect.text(chat({ messages }))).toBe('be brief\nwhat');
  });
});

describe('a completions body', () => {
  it.each([
    ['prompt', { model: 'm' }],
    ['prompt', { model: 'm', prompt: [] }],
    ['prompt', { model: 'm', prompt: ['a', 1] }],
    ['logprobs', { model: 'm', prompt: 'x', logprobs: true }],
    ['echo', { model: 'm', prompt: 'x', echo: 'yes' }],
  ])('is refused for its %s', (param, fields) => {
    expect(refusal(openAiCompletionsDialect, fields).param).toBe(param);
  });

  it.each([['x'], [['a', 'b']], [[1, 2]], [[[1], [2, 3]]]])('may have the prompt %j', (prompt) => {
    expect(read(openAiCompletionsDialect, { model: 'm', prompt }).model).toBe('m');
  });
});

describe('an embeddings body', () => {
  it.each([
    ['input', { model: 'm' }],
    ['input', { model: 'm', input: '' }],
    ['input', { model: 'm', input: [] }],
    ['input', { model: 'm', input: [[]] }],
    ['input', { model: 'm', input: [-1] }],
    ['encoding_format', { model: 'm', input: 'x', encoding_format: 'hex' }],
    ['dimensions', { model: 'm', input: 'x', dimensions: 0 }],
  ])('is refused for its %s', (param, fields) => {
    expect(refusal(openAiEmbeddingsDialect, fields).param).toBe(param);
  });
});
