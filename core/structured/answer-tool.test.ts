import type { ChatEvent, ChatReply, ChatRequest } from '@rutter/plugin-sdk';
import { collectEvents, replyEvents } from '@rutter/plugin-sdk/codecs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AnswerTool, asObjectSchema } from './answer-tool.ts';

const object = { type: 'object', properties: { a: { type: 'number' } } };
const list = { type: 'array', items: { type: 'number' } };
const request: ChatRequest = { model: 'm', messages: [], stream: false, extra: {} };
const toolOf = (schema: unknown = object, asking: Partial<ChatRequest> = {}) =>
  new AnswerTool({ ...request, ...asking }, schema, undefined);
const answer = (json: string) => ({ id: 'c', name: 'json_tool_call', arguments: json });
const other = { id: 'o', name: 'look', arguments: '{"x":1}' };

const streamed = (tool: AnswerTool, events: readonly ChatEvent[]): ChatEvent[] => {
  const read = tool.reader();
  return events.flatMap((event) => [...read([event])]);
};

describe('the tool', () => {
  it('takes another name where the caller has one of its own', () => {
    expect(toolOf(object, { tools: [{ name: 'json_tool_call' }, { name: 'json_tool_call_2' }] }).name).toBe(
      'json_tool_call_3',
    );
  });

  it.each([
    [object, false],
    [{ properties: {} }, false],
    [{}, false],
    [list, true],
    [{ type: 'string' }, true],
    [{ type: ['object', 'null'] }, true],
    [{ anyOf: [object, list] }, true],
    [{ $ref: '#/$defs/a', $defs: { a: list } }, true],
    [{ enum: [1, 2] }, true],
  ])('puts %j into an object: %s', (schema, isWrapped) => {
    const found = asObjectSchema(schema);
    expect(found.isWrapped).toBe(isWrapped);
    expect(found.schema.type).toBe('object');
    expect(found.schema.$defs).toEqual((schema as { $defs?: unknown }).$defs);
  });
});

describe('a whole reply', () => {
  const reply = (more: Partial<ChatReply>): ChatReply => ({ text: '', end: 'tool-calls', ...more });

  it('has the answer as its text, and ends as one does', () => {
    expect(toolOf().reply(reply({ text: 'Sure:', toolCalls: [answer('{"a":1}')] }))).toEqual({
      text: '{"a":1}',
      end: 'stop',
    });
    expect(toolOf(list).reply(reply({ toolCalls: [answer('{"values":[1]}')] })).text).toBe('[1]');
    expect(toolOf(list).reply(reply({ toolCalls: [answer('[1]')] })).text).toBe('[1]');
    expect(toolOf().reply(reply({ toolCalls: [answer('')] })).text).toBe('{}');
  });

  it('keeps the calls of the caller\u2019s tools', () => {
    expect(toolOf().reply(reply({ toolCalls: [other, answer('{}')] }))).toEqual({
      text: '{}',
      toolCalls: [other],
      end: 'tool-calls',
    });
  });

  it('that was cut off says so and shows what there is', () => {
    expect(toolOf(list).reply(reply({ toolCalls: [answer('{"values":[1,')], end: 'length' }))).toEqual({
      text: '{"values":[1,',
      end: 'length',
    });
  });

  it('has every choice read', () => {
    const choice = { text: '', end: 'tool-calls' as const, toolCalls: [answer('{"a":2}')] };
    expect(toolOf().reply({ ...choice, others: [choice] }).others).toEqual([{ text: '{"a":2}', end: 'stop' }]);
  });
});

describe('a stream', () => {
  const end: ChatEvent = { type: 'end', reason: 'tool-calls' };
  const open = (index: number, name = 'json_tool_call'): ChatEvent => ({ type: 'tool-call', index, id: 'c', name });
  const delta = (index: number, json: string): ChatEvent => ({ type: 'tool-call-delta', index, arguments: json });

  it('shows the answer as it comes', () => {
    expect(streamed(toolOf(), [open(0), delta(0, '{"a"'), delta(0, ':1}'), end])).toEqual([
      { type: 'text-delta', text: '{"a"' },
      { type: 'text-delta', text: ':1}' },
      { type: 'end', reason: 'stop' },
    ]);
  });

  it('leaves out what is said ahead of the answer and after it', () => {
    const said: ChatEvent = { type: 'text-delta', text: 'Here:' };
    expect(streamed(toolOf(), [said, open(0), delta(0, '{}'), said, end])).toEqual([
      { type: 'text-delta', text: '{}' },
      { type: 'end', reason: 'stop' },
    ]);
  });

  it('shows what is said ahead of another call, and in place of any', () => {
    const said: ChatEvent = { type: 'text-delta', text: 'I look.' };
    expect(streamed(toolOf(), [said, open(0, 'look'), end])).toEqual([said, open(0, 'look'), end]);
    const stop: ChatEvent = { type: 'end', reason: 'stop' };
    expect(streamed(toolOf(), [said, stop])).toEqual([said, stop]);
  });

  it('does not hold back a long text for ever', () => {
    const read = toolOf().reader();
    const long: ChatEvent = { type: 'text-delta', text: 'x'.repeat(40_000) };
    expect(read([long])).toEqual([]);
    expect(read([long])).toEqual([long, long]);
    expect(read([long])).toEqual([long]);
  });

  it('counts the caller\u2019s calls as if there were no other', () => {
    const events = streamed(toolOf(), [open(0), delta(0, '{}'), open(1, 'look'), delta(1, '{"x":1}'), open(2), end]);
    expect(events.filter(({ type }) => type.startsWith('tool'))).toEqual([open(0, 'look'), delta(0, '{"x":1}')]);
    expect(events.at(-1)).toEqual(end);
  });

  it('reads like the whole reply, however it is cut', () => {
    const texts = fc.constantFrom('{"a":1}', '{"values":[1]}', '[2]', '', '{"a":');
    fc.assert(
      fc.property(
        texts,
        fc.boolean(),
        fc.boolean(),
        fc.constantFrom<unknown>(object, list),
        fc.array(fc.nat(20)),
        (json, hasOther, isFirst, schema, cuts) => {
          const calls = hasOther ? (isFirst ? [other, answer(json)] : [answer(json), other]) : [answer(json)];
          const whole: ChatReply = { text: '', toolCalls: calls, end: 'tool-calls' };
          const events = replyEvents(whole).flatMap((event) =>
            event.type === 'tool-call' ? cut(event, cuts) : [event],
          );
          const tool = toolOf(schema);
          expect(collectEvents(streamed(tool, events))).toEqual(tool.reply(whole));
        },
      ),
    );
  });
});

function cut(event: Extract<ChatEvent, { type: 'tool-call' }>, cuts: readonly number[]): ChatEvent[] {
  const { arguments: json = '', index } = event;
  const places = [...new Set([...cuts, json.length])].sort((a, b) => a - b);
  const pieces = places.map((to, at) => json.slice(at === 0 ? 0 : places[at - 1], to)).filter((piece) => piece !== '');
  return [
    { ...event, arguments: '' },
    ...pieces.map((piece): ChatEvent => ({ type: 'tool-call-delta', index, arguments: piece })),
  ];
}
