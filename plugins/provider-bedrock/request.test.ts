import type { ChatRequest, Message, Part } from '@rutter/plugin-sdk';
import { deployment } from '@rutter/plugin-sdk/testing';
import { describe, expect, it } from 'vitest';
import { writeRequest } from './request.ts';

const claude = 'anthropic.claude-sonnet-4-5-20250929-v1:0';
const llama = 'meta.llama3-1-70b-instruct-v1:0';

interface Body {
  readonly messages: readonly { readonly role: string; readonly content: readonly Record<string, unknown>[] }[];
  readonly system?: unknown;
  readonly toolConfig?: { readonly tools: readonly Record<string, unknown>[]; readonly toolChoice?: unknown };
  readonly [name: string]: unknown;
}

function write(change: Partial<ChatRequest>, model = claude, params: Record<string, unknown> = {}) {
  const request = {
    model: 'g',
    messages: [{ role: 'user' as const, content: 'x' }],
    stream: false,
    extra: {},
    ...change,
  };
  const written = writeRequest({ ...request, deployment: deployment({ model, params }) });
  return { ...written, body: written.body as Body };
}

const contentOf = (content: string | Part[], model = claude) =>
  write({ messages: [{ role: 'user', content }] }, model).body.messages[0]!.content;
/** Turns; with a tool where the history calls one. */
const said = (...messages: Message[]) => {
  const hasCalls = messages.some(({ toolCalls }) => toolCalls !== undefined);
  return write({ messages, ...(hasCalls && { tools: [{ name: 'go' }] }) }).body.messages;
};

describe('turns', () => {
  it('begin with the user, even where nothing was said', () => {
    expect(said()).toEqual([{ role: 'user', content: [{ text: '.' }] }]);
    expect(said({ role: 'system', content: 'S' })).toEqual([{ role: 'user', content: [{ text: '.' }] }]);
    expect(said({ role: 'assistant', content: 'A' }, { role: 'user', content: 'B' })).toMatchObject([
      { role: 'user', content: [{ text: '.' }] },
      { role: 'assistant' },
      { role: 'user' },
    ]);
  });

  it('leave blank texts out, and what is left of the roles alternates', () => {
    const turns = said(
      { role: 'user', content: 'A' },
      { role: 'assistant', content: ' \n' },
      {
        role: 'user',
        content: [
          { type: 'text', text: '' },
          { type: 'text', text: 'B' },
        ],
      },
    );
    expect(turns).toEqual([{ role: 'user', content: [{ text: 'A' }, { text: 'B' }] }]);
  });

  it('put results ahead of words, each with the cache point behind it', () => {
    const turns = said(
      { role: 'user', content: 'A' },
      { role: 'assistant', content: '', toolCalls: [{ id: 'c', name: 'go', arguments: '{}' }] },
      { role: 'user', content: [{ type: 'text', text: 'B', cacheControl: { type: 'ephemeral' } }] },
      {
        role: 'tool',
        toolCallId: 'c',
        content: 'gone',
        isError: true,
        extra: { cache_control: { type: 'ephemeral' } },
      },
    );
    expect(turns.at(-1)?.content).toEqual([
      { toolResult: { toolUseId: 'c', content: [{ text: 'gone' }], status: 'error' } },
      { cachePoint: { type: 'default' } },
      { text: 'B' },
      { cachePoint: { type: 'default' } },
    ]);
  });

  it('tell a status only to makers that know it', () => {
    const messages: Message[] = [
      { role: 'assistant', content: '', toolCalls: [{ id: 'c', name: 'go', arguments: '' }] },
      { role: 'tool', toolCallId: 'c', content: 'x', isError: true },
    ];
    const tools = [{ name: 'go' }];
    const [result] = write({ messages, tools }, llama).body.messages.at(-1)!.content;
    expect(result).toEqual({ toolResult: { toolUseId: 'c', content: [{ text: 'x' }] } });
  });

  it('refuse arguments that are no object, and name them', () => {
    const toolCalls = [{ id: 'c', name: 'go', arguments: '[1' }];
    expect(() => said({ role: 'assistant', content: '', toolCalls })).toThrow(
      expect.objectContaining({ code: 'ERR_REQUEST_INVALID', param: 'messages[0].tool_calls[0].function.arguments' }),
    );
  });

  it('give reasoning back to whom it belongs', () => {
    const reasoning = [
      { text: 'mine', signature: 's', origin: 'anthropic-messages' },
      { text: 'unsigned' },
      { redacted: 'r', origin: 'bedrock-converse' },
      { text: 'alien', signature: 's', origin: 'gemini' },
    ];
    const messages: Message[] = [
      { role: 'user', content: 'A' },
      { role: 'assistant', content: 'B', reasoning },
    ];
    const blocks = (model: string) => write({ messages }, model).body.messages[1]?.content.slice(0, -1);
    expect(blocks(claude)).toEqual([
      { reasoningContent: { reasoningText: { text: 'mine', signature: 's' } } },
      { reasoningContent: { redactedContent: 'r' } },
    ]);
    expect(blocks('amazon.nova-2-lite-v1:0')).toEqual([{ reasoningContent: { redactedContent: 'r' } }]);
  });
});

describe('parts', () => {
  it.each<[string, Part, object]>([
    [
      'text to be guarded',
      { type: 'other', origin: 'openai-chat', value: { type: 'guarded_text', text: 'G' } },
      { guardContent: { text: { text: 'G' } } },
    ],
    [
      'an image in S3',
      { type: 'image', url: 's3://b/k.jpg' },
      { image: { format: 'jpeg', source: { s3Location: { uri: 's3://b/k.jpg' } } } },
    ],
    [
      'an image inside a data address',
      { type: 'image', url: 'data:image/gif;base64,R0lGODlh' },
      { image: { format: 'gif', source: { bytes: 'R0lGODlh' } } },
    ],
    [
      'a spreadsheet by its name',
      { type: 'file', data: 'eA==', name: 'a.xlsx' },
      { document: { format: 'xlsx', name: 'a', source: { bytes: 'eA==' } } },
    ],
    [
      'text of another kind',
      { type: 'file', data: 'eA==', mediaType: 'text/x-log; charset=utf-8', name: 'a.log' },
      { document: { format: 'txt', name: 'a', source: { bytes: 'eA==' } } },
    ],
    [
      'an image sent as a file',
      { type: 'file', data: '/9j/', mediaType: 'image/png' },
      { image: { format: 'jpeg', source: { bytes: '/9j/' } } },
    ],
    [
      'a video file',
      { type: 'file', data: 'eA==', mediaType: 'video/mp4' },
      { video: { format: 'mp4', source: { bytes: 'eA==' } } },
    ],
    ['audio', { type: 'audio', data: 'eA==', format: 'wav' }, { audio: { format: 'wav', source: { bytes: 'eA==' } } }],
    [
      'a search result',
      {
        type: 'other',
        origin: 'anthropic-messages',
        value: { type: 'search_result', source: 's', title: 't', content: [{ type: 'text', text: 'x' }] },
      },
      { searchResult: { source: 's', title: 't', content: [{ text: 'x' }] } },
    ],
  ])('carry %s', (_what, part, block) => {
    expect(contentOf([part, { type: 'text', text: 'See.' }])[0]).toEqual(block);
  });

  it.each<[string, Part]>([
    ['an image of another format', { type: 'image', data: 'Qk0=', mediaType: 'image/bmp' }],
    ['an image by address', { type: 'image', url: 'https://images.example/a.png' }],
    ['a file by id', { type: 'file', fileId: 'file-1' }],
    ['a file of another type', { type: 'file', data: 'eA==', mediaType: 'application/zip' }],
    ['audio of another format', { type: 'audio', data: 'eA==', format: 'midi' }],
    [
      'a video by address',
      {
        type: 'other',
        origin: 'openai-chat',
        value: { type: 'video_url', video_url: { url: 'https://v.example/a.mp4' } },
      },
    ],
    ['something unheard of', { type: 'other', origin: 'openai-chat', value: { type: 'hologram' } }],
  ])('are refused by place: %s', (_what, part) => {
    expect(() => contentOf([{ type: 'text', text: 'x' }, part])).toThrow(
      expect.objectContaining({ code: 'ERR_REQUEST_UNSUPPORTED_PARAMETER', param: 'messages[0].content[1]' }),
    );
  });

  it('other than text have no place in a system prompt', () => {
    const content: Part[] = [{ type: 'image', data: '/9j/' }];
    expect(() => said({ role: 'system', content })).toThrow(/image in a system prompt/);
  });

  it('that are marked are followed by a point, with a time for Claude alone', () => {
    const part: Part = { type: 'text', text: 'x', cacheControl: { type: 'ephemeral', ttl: '1h' } };
    expect(contentOf([part])[1]).toEqual({ cachePoint: { type: 'default', ttl: '1h' } });
    expect(contentOf([part], 'amazon.nova-pro-v1:0')[1]).toEqual({ cachePoint: { type: 'default' } });
    const other = write({ messages: [{ role: 'user', content: [part, part] }] }, llama);
    expect(other.body.messages[0]?.content).toEqual([{ text: 'x' }, { text: 'x' }]);
    expect(other.dropped).toEqual(['cache_control']);
  });
});

describe('tools', () => {
  const nameOf = (tool: Record<string, unknown>) => (tool.toolSpec as { name: string }).name;

  it('get names that differ where only foreign characters did', () => {
    const tools = ['a.b', 'a/b', 'a_b', 'x'.repeat(65), `${'x'.repeat(64)}y`].map((name) => ({ name }));
    const names = write({ tools }).body.toolConfig!.tools.map(nameOf);
    expect(new Set(names).size).toBe(5);
    for (const name of names) expect(name).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
    expect(names[2]).toBe('a_b');
    expect(write({ tools }).body.toolConfig!.tools.map(nameOf)).toEqual(names);
  });

  it('carry a schema of an object, a description that is not blank, and their cache point', () => {
    const tools = [
      { name: 'a', description: ' ', parameters: { properties: { b: {} } }, cacheControl: { type: 'ephemeral' } },
      { origin: 'openai-chat', value: { type: 'system_tool', name: 'nova_grounding' } },
    ];
    expect(write({ tools }).body.toolConfig?.tools).toEqual([
      { toolSpec: { name: 'a', inputSchema: { json: { properties: { b: {} }, type: 'object' } } } },
      { cachePoint: { type: 'default' } },
      { systemTool: { name: 'nova_grounding' } },
    ]);
  });

  it('of Claude itself are additional fields', () => {
    const bash = { type: 'bash_20250124', name: 'bash' };
    const tools = [{ origin: 'anthropic-messages', value: bash }];
    const { body } = write({ tools, extra: { anthropic_beta: ['computer-use-2025-01-24'] } });
    expect(body).not.toHaveProperty('toolConfig');
    expect(body.additionalModelRequestFields).toEqual({ tools: [bash], anthropic_beta: ['computer-use-2025-01-24'] });
    expect(() => write({ tools }, llama)).toThrow(expect.objectContaining({ param: 'tools[0]' }));
  });

  it('of which one is named are that one alone, where a maker has no such choice', () => {
    const tools = [{ name: 'a' }, { name: 'b' }];
    const { toolConfig } = write({ tools, toolChoice: { name: 'b' } }, 'mistral.mistral-large-2407-v1:0').body;
    expect(toolConfig).toMatchObject({ tools: [{ toolSpec: { name: 'b' } }], toolChoice: { any: {} } });
    expect(() => write({ tools, toolChoice: 'required' }, llama)).toThrow(
      expect.objectContaining({ param: 'tool_choice' }),
    );
  });

  it('stay where the history has calls, although none may be called', () => {
    const messages: Message[] = [
      { role: 'user', content: 'x' },
      { role: 'assistant', content: '', toolCalls: [{ id: 'c', name: 'a', arguments: '{}' }] },
      { role: 'tool', toolCallId: 'c', content: 'y' },
    ];
    const { body, dropped } = write({ messages, tools: [{ name: 'a' }], toolChoice: 'none' });
    expect(body.toolConfig).toEqual({
      tools: [{ toolSpec: { name: 'a', inputSchema: { json: { type: 'object', properties: {} } } } }],
    });
    expect(dropped).toEqual(['tool_choice']);
  });
});

describe('other fields', () => {
  it.each([
    [claude, { top_k: 5 }],
    ['mistral.mistral-large-2407-v1:0', { top_k: 5 }],
    ['cohere.command-r-v1:0', { k: 5 }],
    ['amazon.nova-pro-v1:0', { inferenceConfig: { topK: 5 } }],
  ])('say top_k to %s as %j', (model, fields) => {
    expect(write({ topK: 5 }, model).body.additionalModelRequestFields).toEqual(fields);
  });

  it('go to the model unless they are Converse’s, OpenAI’s or the gateway’s', () => {
    const extra = {
      frobnicate: 1,
      promptVariables: { a: { text: 'b' } },
      prompt_cache_key: 'k',
      aws_secret_access_key: 'canary',
      model_id: 'arn',
      metadata: { a: 'b' },
      additionalModelRequestFields: { inferenceConfig: { a: 1 } },
    };
    const { body, dropped } = write({ extra, topK: 3 }, 'amazon.nova-pro-v1:0');
    expect(body).toEqual({
      messages: [{ role: 'user', content: [{ text: 'x' }] }],
      promptVariables: { a: { text: 'b' } },
      additionalModelRequestFields: { frobnicate: 1, inferenceConfig: { a: 1, topK: 3 } },
    });
    expect(dropped).toEqual(['prompt_cache_key', 'aws_secret_access_key']);
  });

  it('pass where the deployment allows them', () => {
    const params = { allowed_openai_params: ['logit_bias'] };
    const { body } = write({ extra: { logit_bias: { 1: 2 } } }, claude, params);
    expect(body.additionalModelRequestFields).toEqual({ logit_bias: { 1: 2 } });
  });

  it('keep a user out of the metadata whom AWS would refuse there', () => {
    expect(write({ user: 'ünïcode' }).dropped).toEqual(['user']);
    expect(write({ user: 'a b' }).body.requestMetadata).toEqual({ user: 'a b' });
    const extra = { requestMetadata: { user: 'given' } };
    expect(write({ user: 'other', extra }).body.requestMetadata).toEqual({ user: 'given' });
  });

  it('join betas of the caller with those that an effort needs', () => {
    const { body } = write(
      { reasoning: { effort: 'high' }, maxOutputTokens: 9000, extra: { anthropic_beta: ['mine'] } },
      'anthropic.claude-opus-4-5-20251101-v1:0',
    );
    expect(body.additionalModelRequestFields).toEqual({
      anthropic_beta: ['mine', 'effort-2025-11-24'],
      thinking: { type: 'enabled', budget_tokens: 4096 },
      output_config: { effort: 'high' },
    });
  });

  it.each([
    ['global.anthropic.claude-opus-4-6-v1', { thinking: { type: 'adaptive' }, output_config: { effort: 'high' } }],
    ['openai.gpt-oss-120b-1:0', { reasoning_effort: 'high' }],
  ])('have %s think by %j', (model, fields) => {
    expect(write({ reasoning: { effort: 'high' } }, model).body.additionalModelRequestFields).toEqual(fields);
  });

  it('refuse an effort to makers that have none, unless none is meant', () => {
    expect(() => write({ reasoning: { effort: 'high' } }, llama)).toThrow(
      expect.objectContaining({ param: 'reasoning_effort' }),
    );
    expect(write({ reasoning: { effort: 'none' } }, llama).body).not.toHaveProperty('additionalModelRequestFields');
  });
});
