import { assertConforms, checkProvider, deployment, fakeHost } from '@rutter/plugin-sdk/testing';
import { expect, it } from 'vitest';
import definition from './index.ts';

const usage = { billed_units: { input_tokens: 12, output_tokens: 5 }, tokens: { input_tokens: 80, output_tokens: 5 } };
const framed = (events: readonly { readonly type: string; readonly [field: string]: unknown }[]) =>
  events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join('');
const called = { id: 'a', type: 'function', function: { name: 'get_weather', arguments: '' } };

const streams = [
  framed([
    { type: 'message-start', id: 'm', delta: { message: { role: 'assistant' } } },
    { type: 'content-start', index: 0, delta: { message: { content: { type: 'text', text: '' } } } },
    { type: 'content-delta', index: 0, delta: { message: { content: { text: 'Blue naïve 🧭 ' } } } },
    { type: 'content-delta', index: 0, delta: { message: { content: { text: '日本.' } } } },
    { type: 'content-end', index: 0 },
    { type: 'message-end', delta: { finish_reason: 'COMPLETE', usage } },
  ]),
  framed([
    { type: 'message-start', id: 'm', delta: { message: { role: 'assistant' } } },
    { type: 'tool-plan-delta', delta: { message: { tool_plan: 'hm' } } },
    { type: 'tool-call-start', index: 0, delta: { message: { tool_calls: called } } },
    { type: 'tool-call-delta', index: 0, delta: { message: { tool_calls: { function: { arguments: '{}' } } } } },
    { type: 'tool-call-end', index: 0 },
    { type: 'message-end', delta: { finish_reason: 'TOOL_CALL', usage } },
  ]),
];
const replies = [
  {
    id: 'm',
    message: { role: 'assistant', content: [{ type: 'text', text: 'Blue.' }] },
    finish_reason: 'COMPLETE',
    usage,
  },
  { id: 'm', message: { role: 'assistant', tool_plan: 'hm', tool_calls: [called] }, finish_reason: 'TOOL_CALL', usage },
];

it('passes the kit', async () => {
  assertConforms(await checkProvider(definition, { streams, replies }));
});

it.each([
  [undefined, '/v2/chat', '/v2/embed'],
  ['https://proxy.example', '/v2/chat', '/v2/embed'],
  ['https://proxy.example/v2', '/chat', '/embed'],
  ['https://proxy.example/v2/chat', '', undefined],
])('adds to the base address %s the paths %j and %j', async (apiBase, chat, embed) => {
  const provider = await definition.setup(fakeHost(), definition.config.parse({}));
  const target = deployment(apiBase === undefined ? {} : { apiBase });
  const messages = [{ role: 'user' as const, content: 'x' }];
  const base = { model: 'm', extra: {}, deployment: target };
  expect(provider.chat!.request({ ...base, messages, stream: false }).path).toBe(chat);
  if (embed !== undefined) expect(provider.embeddings!.request({ ...base, input: ['x'] }).path).toBe(embed);
});
