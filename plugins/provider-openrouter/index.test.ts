import type { ChatEvent } from '@rutter/plugin-sdk';
import { collectEvents, replyEvents } from '@rutter/plugin-sdk/codecs';
import { assertConforms, chatRequest, checkProvider, deployment, fakeHost } from '@rutter/plugin-sdk/testing';
import { describe, expect, it } from 'vitest';
import definition from './index.ts';
import { withDetails } from './reasoning.ts';

const providerWith = (options: object = {}) => definition.setup(fakeHost(), definition.config.parse(options));
const provider = await providerWith();
const chat = provider.chat!;
const pass = (fields: object, change: Parameters<typeof deployment>[0] = {}, of = provider) =>
  of.chat!.pass!({
    deployment: deployment({ model: 'a/m', ...change }),
    stream: false,
    fields: { model: 'a/m', ...fields },
  });

describe('the provider', () => {
  it('passes the kit', async () => {
    assertConforms(await checkProvider(definition));
  });

  it('says for whom it calls: the deployment, else its options', async () => {
    expect(pass({}).headers).toEqual({});
    const own = await providerWith({ siteUrl: 'https://a.example', appName: 'A' });
    expect(pass({}, {}, own).headers).toEqual({ 'http-referer': 'https://a.example', 'x-title': 'A' });
    const params = { openrouter_site_url: 'https://b.example', openrouter_app_name: '' };
    expect(pass({}, { params }, own).headers).toEqual({ 'http-referer': 'https://b.example', 'x-title': 'A' });
    expect(provider.variables).toMatchObject({
      openrouter_site_url: ['OR_SITE_URL'],
      openrouter_app_name: ['OR_APP_NAME'],
    });
  });

  it('lets its own fields pass, and OpenAI’s models behind it have no rules here', () => {
    const fields = {
      models: ['a', 'b'],
      provider: { order: ['x'] },
      transforms: ['middle-out'],
      max_tokens: 5,
      temperature: 0,
    };
    expect(pass(fields, { model: 'openai/o3' })).toEqual({
      path: '/chat/completions',
      headers: {},
      set: { model: 'openai/o3' },
    });
  });
});

describe('reasoning', () => {
  it.each<[object, unknown]>([
    [{ reasoning_effort: 'high' }, { effort: 'high' }],
    [{ thinking: { type: 'enabled', budget_tokens: 2000 } }, { max_tokens: 2000 }],
    [{ thinking: { type: 'enabled', budget_tokens: 2000 }, reasoning_effort: 'low' }, { max_tokens: 2000 }],
    [{ thinking: { type: 'disabled' } }, { enabled: false }],
    [{ thinking: { type: 'adaptive' } }, { enabled: true }],
  ])('asked for by %o is asked for as %o', (fields, expected) => {
    const { set, remove } = pass(fields);
    expect(set).toEqual({ reasoning: expected });
    expect(remove?.toSorted()).toEqual(['reasoning_effort', 'thinking']);
  });

  it('asked for in its own words stays', () => {
    expect(pass({ reasoning: { max_tokens: 5 } }).set).toBeUndefined();
    expect(pass({ reasoning: { max_tokens: 5 }, reasoning_effort: 'low' }).set).toBeUndefined();
  });

  const signed = {
    type: 'reasoning.text',
    text: 'why',
    signature: 'sig',
    format: 'anthropic-claude-v1',
    index: 0,
    id: null,
  };
  const sealed = { type: 'reasoning.encrypted', data: 'blob', id: 'rs_1', format: 'openai-responses-v1', index: 1 };
  const summary = { type: 'reasoning.summary', summary: 'short', format: 'openai-responses-v1', index: 0 };
  const whole = (details: object[]) => ({
    id: 'g',
    model: 'm',
    choices: [
      {
        message: { role: 'assistant', content: 'a', reasoning: 'why', reasoning_details: details },
        finish_reason: 'stop',
      },
    ],
  });
  const context = { deployment: deployment(), stream: false, request: chatRequest() };

  it.each([
    ['signed text', [signed]],
    ['sealed data', [sealed]],
    ['a summary with sealed data', [summary, sealed]],
    ['two of one sort', [signed, { ...signed, text: 'more', signature: 't', index: 1 }]],
  ])('in details is read as blocks, and written as the same details: %s', (_what, details) => {
    const reply = chat.reply(whole(details) as never, context);
    expect(reply.reasoning).toHaveLength(details.length);
    expect(reply.reasoning!.every(({ origin }) => origin === 'openrouter')).toBe(true);
    expect(reply.extra).toEqual({ message: { reasoning_details: details } });
    const { body } = chat.request({
      ...chatRequest({ messages: [{ role: 'assistant', content: 'a', reasoning: reply.reasoning! }] }),
      deployment: deployment({ model: 'a/m' }),
    });
    expect(body).toMatchObject({ messages: [{ role: 'assistant', content: 'a', reasoning_details: details }] });
    expect(JSON.stringify(body)).not.toContain('thinking_blocks');
  });

  it('that nobody signed is text alone', () => {
    const plain = [{ type: 'reasoning.text', text: 'why', format: 'unknown', index: 0 }];
    expect(chat.reply(whole(plain) as never, context).reasoning).toEqual([{ text: 'why' }]);
  });

  function streamed(deltas: readonly object[]): ChatEvent[] {
    const read = chat.events({ ...context, stream: true });
    return [...deltas, undefined].flatMap((delta) => [
      ...read({
        event: '',
        data: JSON.stringify({
          id: 'g',
          choices: [{ index: 0, delta: delta ?? {}, finish_reason: delta ? null : 'stop' }],
        }),
      }),
    ]);
  }

  it('in pieces is put together by index before what follows it', () => {
    const piece = (detail: object, more: object = {}) => ({ content: '', reasoning_details: [detail], ...more });
    const events = streamed([
      piece({ type: 'reasoning.text', text: 'wh', index: 0, format: 'f' }, { reasoning: 'wh' }),
      piece({ type: 'reasoning.text', text: 'y', index: 0, format: 'f' }, { reasoning: 'y' }),
      piece({ type: 'reasoning.text', signature: 'sig', index: 0, format: 'f' }, { content: 'a' }),
      piece({ type: 'reasoning.encrypted', data: 'bl', index: 1 }),
      piece({ type: 'reasoning.encrypted', data: 'ob', index: 1 }),
    ]);
    const reply = collectEvents(events);
    expect(reply).toMatchObject({ text: 'a', end: 'stop' });
    expect(reply.reasoning).toEqual([
      {
        text: 'why',
        signature: JSON.stringify({ type: 'reasoning.text', index: 0, format: 'f', signature: 'sig' }),
        origin: 'openrouter',
      },
      { redacted: JSON.stringify({ type: 'reasoning.encrypted', data: 'blob', index: 1 }), origin: 'openrouter' },
    ]);
    expect(collectEvents(replyEvents(reply)).reasoning).toEqual(reply.reasoning);
    const kinds = events.map(({ type }) => type);
    expect(kinds.indexOf('reasoning-block')).toBeLessThan(kinds.indexOf('text-delta'));
  });

  it('of the history goes back in the form it came', () => {
    const message = { role: 'assistant', content: 'a' };
    const claude = [
      { type: 'thinking', thinking: 't', signature: 's' },
      { type: 'redacted_thinking', data: 'd' },
    ];
    expect(withDetails({ ...message, reasoning_content: 'r' }, false)).toEqual({ ...message, reasoning: 'r' });
    expect(withDetails({ ...message, reasoning_content: 'r', reasoning_details: [signed] }, false)).toEqual({
      ...message,
      reasoning_details: [signed],
    });
    expect(withDetails({ ...message, thinking_blocks: claude }, true)).toEqual({
      ...message,
      reasoning_details: [
        { type: 'reasoning.text', text: 't', signature: 's', format: 'anthropic-claude-v1' },
        { type: 'reasoning.encrypted', data: 'd', format: 'anthropic-claude-v1' },
      ],
    });
    expect(withDetails({ ...message, thinking_blocks: claude }, false)).toEqual({ ...message, reasoning: 't' });
    const torn = [{ type: 'thinking', thinking: 't', signature: 'no json', origin: 'openrouter' }];
    expect(withDetails({ ...message, thinking_blocks: torn }, true)).toEqual({ ...message, reasoning: 't' });
    expect(withDetails({ ...message, thinking_blocks: [] }, true)).toEqual(message);
    expect(withDetails(message, true)).toBe(message);
  });
});
