import { describe, expect, it } from 'vitest';
import type { Deployment } from '../../contract/request.ts';
import { openAiChatDialect } from '../openai/dialects.ts';
import { anthropicMessagesCodec } from './codec.ts';
import { modelVersion } from './names.ts';

const codec = anthropicMessagesCodec();

interface Options {
  readonly model?: string;
  readonly params?: Record<string, unknown>;
  readonly info?: Record<string, unknown>;
}

const deployment = ({ model = 'claude-sonnet-4-20250514', params = {}, info = {} }: Options = {}): Deployment => ({
  id: 'd',
  group: 'g',
  model,
  provider: 'anthropic',
  tags: [],
  params,
  info,
});

const hello = { role: 'user', content: 'hello' };
type Body = Record<string, unknown> & { messages: { role: string; content: Record<string, unknown>[] }[] };

function upstream(fields: Record<string, unknown>, options?: Options) {
  const request = openAiChatDialect.chat!({ model: 'g', messages: [hello], ...fields });
  return codec.request({ ...request, deployment: deployment(options) });
}
const write = (fields: Record<string, unknown>, options?: Options): Body => upstream(fields, options).body as Body;

const tool = {
  type: 'function',
  function: {
    name: 'look',
    description: 'Looks.',
    parameters: { type: 'object', properties: { at: { type: 'string' } } },
  },
};
const call = (id: string, args = '{}') => ({ id, type: 'function', function: { name: 'look', arguments: args } });
const refused = (param: string) =>
  expect.objectContaining({
    code: 'ERR_REQUEST_UNSUPPORTED_PARAMETER',
    param,
    message: expect.stringContaining(param),
  });

describe('a request', () => {
  it('goes to the Messages API in its version, with a limit', () => {
    expect(upstream({})).toEqual({
      path: '/v1/messages',
      headers: { 'anthropic-version': '2023-06-01' },
      body: {
        model: 'claude-sonnet-4-20250514',
        max_tokens: 4096,
        messages: [{ role: 'user', content: [{ type: 'text', text: 'hello' }] }],
      },
    });
  });

  it('takes its limit from the caller, the model, or the codec', () => {
    expect(write({ max_tokens: 7 }).max_tokens).toBe(7);
    expect(write({ max_completion_tokens: 8 }).max_tokens).toBe(8);
    expect(write({}, { info: { max_output_tokens: 64_000 } }).max_tokens).toBe(64_000);
    const other = anthropicMessagesCodec({ defaultMaxTokens: 99 });
    expect(
      other.request({
        model: 'g',
        messages: [{ role: 'user', content: 'x' }],
        stream: false,
        extra: {},
        deployment: deployment(),
      }).body,
    ).toMatchObject({ max_tokens: 99 });
  });

  it('keeps sampling by the same names, stops that are not blank, and fields nobody knows', () => {
    const body = write({
      temperature: 0.5,
      top_p: 0.9,
      top_k: 5,
      stop: ['END', ' ', '\n'],
      stream: true,
      novelty: { a: 1 },
      temperature_x: null,
    });
    expect(body).toMatchObject({
      temperature: 0.5,
      top_p: 0.9,
      top_k: 5,
      stop_sequences: ['END'],
      stream: true,
      novelty: { a: 1 },
    });
    expect(body).not.toHaveProperty('temperature_x');
    expect(write({ stop: ' ' })).not.toHaveProperty('stop_sequences');
  });

  it.each([
    ['user-123', { user_id: 'user-123' }],
    ['someone@example.com', undefined],
    ['+49 (30) 1234-567', undefined],
  ])('tells the user %s only where that is no contact data', (user, metadata) => {
    expect(write({ user }).metadata).toEqual(metadata);
  });

  it.each([
    [{ user: 'someone@example.com' }, ['user']],
    [{ stop: ['END', '\n'] }, ['stop']],
    [{ service_tier: 'flex' }, ['service_tier']],
    [{ temperature: 0.2, reasoning_effort: 'low' }, ['temperature']],
    [{ temperature: 1, reasoning_effort: 'low', stop: 'END', service_tier: 'default', user: 'u' }, undefined],
  ])('tells of what it leaves out of %j: %j', (fields, dropped) => {
    expect(upstream(fields).dropped).toEqual(dropped);
  });
});

describe('reasoning', () => {
  it.each([
    ['low', 1024],
    ['medium', 2048],
    ['high', 4096],
    ['minimal', 1024],
  ])('of effort %s has a budget of %i, below the limit', (effort, budget) => {
    const body = write({ reasoning_effort: effort, temperature: 0.2 });
    expect(body).toMatchObject({ thinking: { type: 'enabled', budget_tokens: budget }, temperature: 1 });
    expect(body.max_tokens).toBeGreaterThan(budget);
  });

  it.each([
    ['claude-opus-4-6', 'high', 'high'],
    ['claude-sonnet-5', 'minimal', 'low'],
    ['claude-opus-4-6', 'xhigh', 'max'],
    ['claude-opus-4-7-20260301', 'xhigh', 'xhigh'],
    ['claude-opus-4-7', 'max', 'max'],
  ])('of %s is adaptive with an effort', (model, effort, expected) => {
    expect(write({ reasoning_effort: effort }, { model })).toMatchObject({
      thinking: { type: 'adaptive' },
      output_config: { effort: expected },
    });
  });

  it.each([
    [1024, 'low'],
    [2000, 'medium'],
    [30_000, 'high'],
  ])('by a budget of %i is an effort where models take none: %s', (budget_tokens, effort) => {
    const body = write({ thinking: { type: 'enabled', budget_tokens } }, { model: 'claude-opus-4-7' });
    expect(body).toMatchObject({ thinking: { type: 'adaptive', display: 'summarized' }, output_config: { effort } });
    expect(write({ thinking: { type: 'enabled', budget_tokens } }, { model: 'claude-opus-4-6' }).thinking).toEqual({
      type: 'enabled',
      budget_tokens,
    });
  });

  it('yields to a tool that must be called', () => {
    const tools = [{ type: 'function', function: { name: 'look' } }];
    const forced = { tools, tool_choice: 'required' };
    const { body, dropped } = upstream({ ...forced, reasoning_effort: 'low' });
    expect(body).not.toHaveProperty('thinking');
    expect(dropped).toEqual(['reasoning_effort']);
    const thinking = { type: 'enabled', budget_tokens: 2048 };
    expect(() => upstream({ ...forced, thinking })).toThrow(expect.objectContaining({ param: 'thinking' }));
    expect(upstream({ ...forced, thinking }, { params: { drop_params: true } }).dropped).toEqual(['thinking']);
    expect(upstream({ ...forced, thinking: { type: 'disabled' } }).body).toMatchObject({
      thinking: { type: 'disabled' },
    });
    expect(write({ tools, tool_choice: 'auto', thinking })).toMatchObject({ thinking });
  });

  it('leaves no room for other sampling', () => {
    const { body, dropped } = upstream({ reasoning_effort: 'low', top_p: 0.5, top_k: 3 });
    expect(body).not.toHaveProperty('top_p');
    expect(body).not.toHaveProperty('top_k');
    expect(dropped).toEqual(['top_p', 'top_k']);
    expect(write({ reasoning_effort: 'low', top_p: 0.97 }).top_p).toBe(0.97);
  });

  it('of Opus 4.5 has both, under a beta', () => {
    const { body, headers } = upstream({ reasoning_effort: 'medium' }, { model: 'claude-opus-4-5-20251101' });
    expect(body).toMatchObject({
      thinking: { type: 'enabled', budget_tokens: 2048 },
      output_config: { effort: 'medium' },
    });
    expect(headers).toMatchObject({ 'anthropic-beta': 'effort-2025-11-24' });
  });

  it('of effort none is none', () => {
    expect(write({ reasoning_effort: 'none', temperature: 0.2 })).not.toHaveProperty('thinking');
    expect(write({ reasoning_effort: 'none', temperature: 0.2 }).temperature).toBe(0.2);
  });

  it('in the native form passes as it is', () => {
    const thinking = { type: 'enabled', budget_tokens: 5000, display: 'summarized' };
    expect(write({ thinking })).toMatchObject({ thinking, max_tokens: 9096 });
  });

  it('yields to the caller\u2019s limit, and is refused where no room is left', () => {
    expect(write({ reasoning_effort: 'high', max_tokens: 2000 })).toMatchObject({
      max_tokens: 2000,
      thinking: { budget_tokens: 1999 },
    });
    expect(() => write({ reasoning_effort: 'low', max_tokens: 500 })).toThrow(refused('reasoning_effort'));
    expect(upstream({ reasoning_effort: 'low', max_tokens: 500 }, { params: { drop_params: true } }).dropped).toEqual([
      'reasoning_effort',
    ]);
  });

  it('is refused for models that do not reason, and for efforts that do not exist', () => {
    expect(() => write({ reasoning_effort: 'low' }, { model: 'claude-3-haiku-20240307' })).toThrow(
      refused('reasoning_effort'),
    );
    expect(() => write({ reasoning_effort: 'heroic' })).toThrow(
      expect.objectContaining({ code: 'ERR_REQUEST_INVALID', param: 'reasoning_effort' }),
    );
  });

  it('is left out inside a tool loop that another vendor began, because the API would refuse it', () => {
    const history = [
      hello,
      { role: 'assistant', tool_calls: [call('a')] },
      { role: 'tool', tool_call_id: 'a', content: 'x' },
    ];
    const { body, dropped } = upstream({ messages: history, tools: [tool], reasoning_effort: 'low' });
    expect(body).not.toHaveProperty('thinking');
    expect(dropped).toEqual(['reasoning_effort']);
    const signed = [
      hello,
      { ...history[1], thinking_blocks: [{ type: 'thinking', thinking: 't', signature: 's' }] },
      history[2],
    ];
    expect(write({ messages: signed, tools: [tool], reasoning_effort: 'low' })).toHaveProperty('thinking');
  });

  it.each([
    ['claude-opus-4-5-20251101', 405],
    ['claude-sonnet-4-20250514', 400],
    ['claude-3-7-sonnet-20250219', 307],
    ['claude-4-opus-20250514', 400],
    ['claude-fable-5', 500],
    ['my-proxy-model', 0],
  ])('goes by the version of %s: %i', (model, version) => {
    expect(modelVersion(model)).toBe(version);
  });
});

describe('a parameter the API does not have', () => {
  it.each([
    ['n', 2],
    ['seed', 1],
    ['presence_penalty', 0.5],
    ['frequency_penalty', 0.5],
    ['logprobs', true],
    ['top_logprobs', 3],
    ['logit_bias', { 1: 2 }],
    ['functions', []],
    ['modalities', ['text', 'audio']],
    ['tool_choice', { type: 'allowed_tools', allowed_tools: {} }],
    ['response_format', { type: 'grammar' }],
  ])('%s is refused with its remedy, or dropped and told', (param, value) => {
    expect(() => write({ [param]: value })).toThrow(refused(param));
    expect(() => write({ [param]: value })).toThrow(/drop_params/);
    const { body, dropped } = upstream({ [param]: value }, { params: { drop_params: true } });
    expect(dropped).toEqual([param]);
    expect(body).not.toHaveProperty(param);
  });

  it('is no trouble where it asks for nothing', () => {
    const nothing = {
      n: 1,
      presence_penalty: 0,
      frequency_penalty: 0,
      logprobs: false,
      modalities: ['text'],
      seed: null,
      logit_bias: null,
    };
    expect(upstream(nothing)).not.toHaveProperty('dropped');
  });

  it('is left out and told where it is only a hint', () => {
    expect(upstream({ prompt_cache_key: 'k', store: true, stream_options: { include_usage: true } }).dropped).toEqual([
      'prompt_cache_key',
      'store',
    ]);
  });

  it('passes where the deployment allows it', () => {
    expect(write({ logit_bias: { 1: 2 } }, { params: { allowed_openai_params: ['logit_bias'] } }).logit_bias).toEqual({
      1: 2,
    });
  });
});

describe('sampling', () => {
  const drops = { params: { drop_params: true } };

  it.each(['temperature', 'top_p', 'top_k'])('%s is nothing that models from 4.7 on take', (name) => {
    const model = 'claude-opus-4-7';
    expect(() => write({ [name]: 0.5 }, { model })).toThrow(expect.objectContaining({ param: name }));
    expect(upstream({ [name]: 0.5 }, { model, ...drops })).toMatchObject({ dropped: [name] });
    expect(write({ [name]: 0.5 }, { model: 'claude-opus-4-6' })[name]).toBe(0.5);
  });

  it('that asks for nothing is left out without a word', () => {
    const { body, dropped } = upstream({ temperature: 1, top_p: 1 }, { model: 'claude-sonnet-5' });
    expect(body).not.toHaveProperty('temperature');
    expect(dropped).toBeUndefined();
  });

  it('has one of two from 4.1 on', () => {
    const model = 'claude-sonnet-4-5';
    const both = { temperature: 0.5, top_p: 0.5 };
    expect(() => write(both, { model })).toThrow(expect.objectContaining({ param: 'top_p' }));
    expect(upstream(both, { model, ...drops })).toMatchObject({ body: { temperature: 0.5 }, dropped: ['top_p'] });
    expect(write({ temperature: 0.5, top_p: 1 }, { model })).not.toHaveProperty('top_p');
    expect(write(both)).toMatchObject(both);
  });
});

describe('betas', () => {
  const betas = (fields: Record<string, unknown>) => upstream(fields).headers?.['anthropic-beta'];

  it.each([
    [{}, undefined],
    [{ betas: ['mine-2026-01-01', 'mine-2026-01-01'] }, 'mine-2026-01-01'],
    [{ tools: [{ type: 'computer_20250124', name: 'computer' }] }, 'computer-use-2025-01-24'],
    [{ tools: [{ type: 'code_execution_20250825', name: 'code_execution' }] }, 'code-execution-2025-08-25'],
    [{ tools: [{ type: 'bash_20250124', name: 'bash' }] }, undefined],
    [{ mcp_servers: [{ type: 'url', url: 'https://x', name: 'x' }] }, 'mcp-client-2025-04-04'],
    [{ mcp_servers: [{ name: 'x' }], tools: [{ type: 'mcp_toolset', mcp_server_name: 'x' }] }, 'mcp-client-2025-11-20'],
    [{ context_management: { edits: [{ type: 'clear_tool_uses_20250919' }] } }, 'context-management-2025-06-27'],
    [{ context_management: { edits: [{ type: 'compact_20260112' }] } }, 'compact-2026-01-12'],
    [{ container: { skills: [{ skill_id: 'pptx' }] } }, 'skills-2025-10-02'],
    [
      { messages: [{ role: 'user', content: [{ type: 'file', file: { file_id: 'file_1' } }] }] },
      'files-api-2025-04-14',
    ],
  ])('of %j are %s', (fields, expected) => {
    expect(betas(fields)).toBe(expected);
  });

  it('named by the caller are no part of the body', () => {
    expect(write({ betas: ['mine'] })).not.toHaveProperty('betas');
  });
});
