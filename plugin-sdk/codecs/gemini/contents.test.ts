import { describe, expect, it } from 'vitest';
import type { Message, ReasoningBlock, ToolCall } from '../../contract/chat.ts';
import { signCallId } from '../signed-call.ts';
import { writeContents, writeSystem } from './contents.ts';

const contents = (messages: readonly Message[], model = 'gemini-2.5-flash') => writeContents(messages, model);
const user = (content: Message['content']): Message => ({ role: 'user', content });
const call = (id: string, name: string, rest: Partial<ToolCall> = {}): ToolCall => ({
  id,
  name,
  arguments: '{}',
  ...rest,
});
const calling = (...toolCalls: ToolCall[]): Message => ({ role: 'assistant', content: '', toolCalls });
const answer = (toolCallId: string, content: string, rest: Partial<Message> = {}): Message => ({
  role: 'tool',
  toolCallId,
  content,
  ...rest,
});
const response = (name: string, value: object) => ({ functionResponse: { name, response: value } });

describe('turns', () => {
  it('of one role are one', () => {
    expect(contents([user('a'), user('b'), { role: 'assistant', content: 'c' }, user('d')])).toEqual([
      { role: 'user', parts: [{ text: 'a' }, { text: 'b' }] },
      { role: 'model', parts: [{ text: 'c' }] },
      { role: 'user', parts: [{ text: 'd' }] },
    ]);
  });

  it.each<[string, Message[]]>([
    ['nobody has said', []],
    ['the system alone has said', [{ role: 'system', content: 's' }]],
    ['nothing was said', [user(''), { role: 'assistant', content: '' }]],
  ])('are never none, where %s something', (_what, messages) => {
    expect(contents(messages)).toEqual([{ role: 'user', parts: [{ text: ' ' }] }]);
  });

  it('of the system stand apart', () => {
    const messages: Message[] = [{ role: 'system', content: 's' }, user('a'), { role: 'developer', content: 'd' }];
    expect(writeSystem(messages)).toEqual([{ text: 's' }, { text: 'd' }]);
    expect(writeSystem([user('a')])).toBeUndefined();
  });

  it('tell a refusal as text', () => {
    expect(contents([user('a'), { role: 'assistant', content: '', refusal: 'No.' }])[1]?.parts).toEqual([
      { text: 'No.' },
    ]);
  });
});

describe('the answers of tools', () => {
  it.each([
    ['an object', '{"a":1}', {}, { a: 1 }],
    ['a text', 'rain', {}, { output: 'rain' }],
    ['a number', '17', {}, { output: 17 }],
    ['a list', '[1]', {}, { output: [1] }],
    ['nothing', '', {}, { output: '' }],
    ['a failure', '{"a":1}', { isError: true }, { error: '{"a":1}' }],
  ])('that are %s are told so', (_what, content, rest, value) => {
    expect(contents([user('?'), calling(call('1', 'f')), answer('1', content, rest)])[2]?.parts).toEqual([
      response('f', value),
    ]);
  });

  it('come in the order of the calls, by the names of these, ahead of what the user says', () => {
    const messages = [
      user('?'),
      calling(call('1', 'f'), call('2', 'g'), call('3', 'h')),
      answer('3', 'c'),
      user('Wait.'),
      answer('1', 'a', { name: 'ignored' }),
      answer('2', 'b'),
    ];
    expect(contents(messages)[2]).toEqual({
      role: 'user',
      parts: [
        response('f', { output: 'a' }),
        response('g', { output: 'b' }),
        response('h', { output: 'c' }),
        { text: 'Wait.' },
      ],
    });
  });

  it('find their call by its id with or without the signature', () => {
    const signed = signCallId('1', 'c2ln');
    for (const id of ['1', signed])
      expect(contents([user('?'), calling(call(signed, 'f')), answer(id, 'a')])[2]?.parts).toEqual([
        response('f', { output: 'a' }),
      ]);
  });

  it('to a call that is gone are known by their own name', () => {
    expect(contents([user('?'), answer('1', 'a', { name: 'f' })])[0]?.parts[0]).toEqual(response('f', { output: 'a' }));
    expect(() => contents([user('?'), answer('1', 'a')])).toThrow(/messages\[1\]\.tool_call_id: found "1", expected/);
  });
});

describe('a call', () => {
  const parts = (toolCall: ToolCall, model?: string) =>
    contents([user('?'), calling(toolCall, call('2', 'g'))], model)[1]?.parts;
  const plain = { functionCall: { name: 'f', args: {} } };
  const other = { functionCall: { name: 'g', args: {} } };

  it.each<[string, Partial<ToolCall>]>([
    ['its id', { id: signCallId('1', 'c2ln') }],
    ['the fields of its provider', { extra: { provider_specific_fields: { thought_signature: 'c2ln' } } }],
    [
      'the fields of its function',
      { extra: { function: { provider_specific_fields: { thought_signature: 'c2ln' } } } },
    ],
    ['Google’s own content', { extra: { extra_content: { google: { thought_signature: 'c2ln' } } } }],
  ])('is signed by %s', (_place, rest) => {
    expect(parts(call('1', 'f', rest), 'gemini-3-pro')).toEqual([{ ...plain, thoughtSignature: 'c2ln' }, other]);
  });

  it('that nobody signed has a stand-in from Gemini 3 on, the first of a turn', () => {
    expect(parts(call('1', 'f'))).toEqual([plain, other]);
    expect(parts(call('1', 'f'), 'gemini-3-pro')).toEqual([
      { ...plain, thoughtSignature: 'skip_thought_signature_validator' },
      other,
    ]);
  });

  it('takes an object for its arguments, or nothing', () => {
    expect(parts(call('1', 'f', { arguments: ' ' }))?.[0]).toEqual(plain);
    for (const text of ['[1]', '{"a":'])
      expect(() => parts(call('1', 'f', { arguments: text }))).toThrow(
        /messages\[1\]\.tool_calls\[0\]\.function\.arguments: found/,
      );
  });
});

describe('reasoning', () => {
  const parts = (content: string, ...reasoning: ReasoningBlock[]) =>
    contents([user('?'), { role: 'assistant', content, reasoning }])[1]?.parts;
  const signed = { signature: 'c2ln', origin: 'gemini' };

  it('that Gemini signed goes back', () => {
    expect(parts('a', { text: 'hm', ...signed })).toEqual([
      { text: 'hm', thought: true, thoughtSignature: 'c2ln' },
      { text: 'a' },
    ]);
  });

  it('without words signs the text, or stands for it', () => {
    expect(parts('a', { text: '', ...signed })).toEqual([{ text: 'a', thoughtSignature: 'c2ln' }]);
    expect(parts('', { text: '', ...signed })).toEqual([{ text: '', thoughtSignature: 'c2ln' }]);
  });

  it('of others, or unsigned, stays behind', () => {
    expect(parts('a', { text: 'hm' }, { text: 'hm', signature: 's', origin: 'anthropic-messages' })).toEqual([
      { text: 'a' },
    ]);
  });
});
