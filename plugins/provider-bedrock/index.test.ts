import { assertConforms, checkProvider, deployment, fakeHost } from '@rutter/plugin-sdk/testing';
import { describe, expect, it } from 'vitest';
import definition from './index.ts';

const provider = await definition.setup(fakeHost(), definition.config.parse({}));
const originOf = (model: string, params = {}) =>
  (provider.origin as (one: ReturnType<typeof deployment>) => string)(deployment({ model, params }));
const ask = (model: string, stream = false, params = {}) =>
  provider.chat!.request({
    model: 'g',
    messages: [{ role: 'user', content: 'x' }],
    stream,
    extra: {},
    deployment: deployment({ model, params }),
  });

const sse = (events: readonly (readonly [string, object])[]) =>
  events.map(([event, data]) => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`).join('');
const usage = { inputTokens: 8, outputTokens: 5, totalTokens: 13 };
const streams = [
  sse([
    ['messageStart', { role: 'assistant' }],
    ['contentBlockDelta', { contentBlockIndex: 0, delta: { text: 'Blue naïve 🧭 ' } }],
    ['contentBlockDelta', { contentBlockIndex: 0, delta: { text: '日本.' } }],
    ['contentBlockStop', { contentBlockIndex: 0 }],
    ['messageStop', { stopReason: 'end_turn' }],
    ['metadata', { usage, metrics: { latencyMs: 5 } }],
  ]),
  sse([
    ['messageStart', { role: 'assistant' }],
    ['contentBlockDelta', { contentBlockIndex: 0, delta: { reasoningContent: { text: 'hm' } } }],
    ['contentBlockDelta', { contentBlockIndex: 0, delta: { reasoningContent: { signature: 'c2ln' } } }],
    ['contentBlockStop', { contentBlockIndex: 0 }],
    [
      'contentBlockStart',
      { contentBlockIndex: 1, start: { toolUse: { toolUseId: 'tooluse_a', name: 'get_weather' } } },
    ],
    ['contentBlockDelta', { contentBlockIndex: 1, delta: { toolUse: { input: '{"place":"Oslo"}' } } }],
    ['contentBlockStop', { contentBlockIndex: 1 }],
    ['messageStop', { stopReason: 'tool_use' }],
    ['metadata', { usage, metrics: { latencyMs: 5 } }],
  ]),
];
const message = (content: object[]) => ({ output: { message: { role: 'assistant', content } }, usage });
const replies = [
  { ...message([{ text: 'Blue.' }]), stopReason: 'end_turn' },
  { ...message([{ toolUse: { toolUseId: 't', name: 'get_weather', input: {} } }]), stopReason: 'tool_use' },
];

describe('the provider', () => {
  it.each([
    'model-under-test',
    'us.anthropic.claude-sonnet-4-5-20250929-v1:0',
    'amazon.nova-2-lite-v1:0',
    'meta.llama3-3-70b-instruct-v1:0',
    'cohere.command-r-plus-v1:0',
    'arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123',
  ])('passes the kit as Converse of %s', async (model) => {
    assertConforms(await checkProvider(definition, { streams, replies, deployment: { model } }));
  });

  it.each([
    ['anthropic.claude-3-haiku-20240307-v1:0', '/model/anthropic.claude-3-haiku-20240307-v1%3A0/converse'],
    ['converse/us.amazon.nova-pro-v1:0', '/model/us.amazon.nova-pro-v1%3A0/converse'],
    ['us-west-2/anthropic.claude-v2:1', '/model/anthropic.claude-v2%3A1/converse'],
    ['invoke/apac.anthropic.claude-sonnet-4-v1:0', '/model/apac.anthropic.claude-sonnet-4-v1%3A0/invoke'],
    [
      'arn:aws:bedrock:eu-west-3:123456789012:inference-profile/eu.anthropic.claude-v1:0',
      '/model/arn%3Aaws%3Abedrock%3Aeu-west-3%3A123456789012%3Ainference-profile%2Feu.anthropic.claude-v1%3A0/converse',
    ],
    [
      'converse/arn:aws:bedrock:eu-west-3:123456789012:application-inference-profile/abc',
      '/model/arn%3Aaws%3Abedrock%3Aeu-west-3%3A123456789012%3Aapplication-inference-profile%2Fabc/converse',
    ],
  ])('calls %s at %s', (model, path) => {
    expect(ask(model).path).toBe(path);
  });

  it('streams under the paths of streams, asking for frames', () => {
    expect(ask('amazon.nova-pro-v1:0', true)).toMatchObject({
      path: '/model/amazon.nova-pro-v1%3A0/converse-stream',
      headers: { accept: 'application/vnd.amazon.eventstream' },
    });
    expect(ask('invoke/anthropic.claude-sonnet-4-v1:0', true).path).toBe(
      '/model/anthropic.claude-sonnet-4-v1%3A0/invoke-with-response-stream',
    );
  });

  it('calls the id in model_id, and takes what the model can do from its name', () => {
    const arn = 'arn:aws:bedrock:us-east-1:123456789012:provisioned-model/abc123';
    expect(ask('invoke/anthropic.claude-sonnet-4-v1:0', false, { model_id: arn })).toMatchObject({
      path: `/model/${encodeURIComponent(arn)}/invoke`,
      body: { anthropic_version: 'bedrock-2023-05-31' },
    });
  });

  it('leaves the region of the address to the kernel, unless model or endpoint name one', () => {
    expect(originOf('amazon.nova-pro-v1:0')).toBe('https://bedrock-runtime.{region}.amazonaws.com');
    expect(originOf('eu-central-1/amazon.nova-pro-v1:0')).toBe('https://bedrock-runtime.eu-central-1.amazonaws.com');
    const endpoint = 'https://vpce-0a1b.bedrock-runtime.us-east-1.vpce.amazonaws.com';
    expect(originOf('amazon.nova-pro-v1:0', { aws_bedrock_runtime_endpoint: endpoint })).toBe(endpoint);
  });

  it('has requests signed for the service bedrock', () => {
    expect(provider.auth).toEqual({ scheme: 'sigv4', service: 'bedrock' });
  });

  it('takes only bytes of images and files, and holds models to a schema by a tool', () => {
    expect(provider.chat!.inlines).toEqual(['image', 'file']);
    const schema = { type: 'object', properties: {} };
    const wayOf = (model: string) =>
      provider.chat!.structured!(deployment({ model }), {
        ...{ model: 'g', messages: [], stream: false, extra: {} },
        responseFormat: { type: 'json-schema', name: 'n', schema },
      });
    expect(wayOf('amazon.nova-pro-v1:0')).toBe('tool');
    expect(wayOf('invoke/anthropic.claude-sonnet-4-v1:0')).toBe('tool');
    expect(wayOf('invoke/anthropic.claude-sonnet-4-5-v1:0')).toBe('native');
  });
});
