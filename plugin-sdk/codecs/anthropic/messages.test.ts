import { describe, expect, it } from 'vitest';
import type { ChatRequest, Message } from '../../contract/chat.ts';
import type { Deployment } from '../../contract/request.ts';
import { openAiChatDialect } from '../openai/dialects.ts';
import { anthropicMessagesCodec } from './codec.ts';

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
const turns = (messages: unknown[], options?: Options) => write({ messages }, options).messages;
const neutral = (messages: readonly Message[]): Body => {
  const request: ChatRequest = { model: 'g', messages, stream: false, extra: {} };
  return codec.request({ ...request, deployment: deployment({ params: { modify_params: true } }) }).body as Body;
};

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

describe('messages', () => {
  it('have their system prompts apart, with cache marks', () => {
    const cached = { type: 'ephemeral', ttl: '1h' };
    const body = write({
      messages: [
        { role: 'system', content: [{ type: 'text', text: 'one', cache_control: cached }] },
        { role: 'developer', content: 'two', cache_control: { type: 'ephemeral' } },
        hello,
      ],
    });
    expect(body.system).toEqual([
      { type: 'text', text: 'one', cache_control: cached },
      { type: 'text', text: 'two', cache_control: { type: 'ephemeral' } },
    ]);
    expect(body.messages).toHaveLength(1);
  });

  it('of one role in a row become one turn, and empty ones none', () => {
    const found = turns([
      hello,
      { role: 'user', content: [{ type: 'text', text: 'again' }] },
      { role: 'assistant', content: '' },
      { role: 'user', content: '' },
    ]);
    expect(found).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'hello' },
          { type: 'text', text: 'again' },
        ],
      },
    ]);
  });

  it('begin with the user, also when there are none', () => {
    const placeholder = { role: 'user', content: [{ type: 'text', text: '.' }] };
    expect(turns([{ role: 'assistant', content: 'a' }])[0]).toEqual(placeholder);
    expect(turns([{ role: 'system', content: 'only' }])).toEqual([placeholder]);
  });

  it('may end in a prefilled answer, without white space at its end', () => {
    expect(turns([hello, { role: 'assistant', content: 'The answer: \n' }])[1]!.content).toEqual([
      { type: 'text', text: 'The answer:' },
    ]);
    expect(turns([hello, { role: 'assistant', content: '  ' }])).toHaveLength(1);
  });

  it('have the answers of all tools of a turn together, first', () => {
    const found = write({
      tools: [tool],
      messages: [
        hello,
        { role: 'assistant', content: 'wait', tool_calls: [call('a', '{"at":"x"}'), call('b', '')] },
        { role: 'tool', tool_call_id: 'a', content: 'one' },
        { role: 'user', content: 'hurry' },
        { role: 'tool', tool_call_id: 'b', content: [{ type: 'text', text: 'two' }] },
      ],
    }).messages;
    expect(found.slice(1)).toEqual([
      {
        role: 'assistant',
        content: [
          { type: 'text', text: 'wait' },
          { type: 'tool_use', id: 'a', name: 'look', input: { at: 'x' } },
          { type: 'tool_use', id: 'b', name: 'look', input: {} },
        ],
      },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 'a', content: [{ type: 'text', text: 'one' }] },
          { type: 'tool_result', tool_use_id: 'b', content: [{ type: 'text', text: 'two' }] },
          { type: 'text', text: 'hurry' },
        ],
      },
    ]);
  });

  it('say that a tool failed', () => {
    const result: Message = { role: 'tool', content: '', toolCallId: 'a', isError: true };
    expect(neutral([{ role: 'user', content: 'x' }, result]).messages[0]!.content[0]).toEqual({
      type: 'tool_result',
      tool_use_id: 'a',
      is_error: true,
    });
  });

  it('refuse arguments that are no object, by their path', () => {
    const messages = [hello, { role: 'assistant', tool_calls: [call('a', '[1')] }];
    expect(() => write({ messages, tools: [tool] })).toThrow(
      expect.objectContaining({ code: 'ERR_REQUEST_INVALID', param: 'messages[1].tool_calls[0].function.arguments' }),
    );
  });

  it('carry images and documents in every form', () => {
    const content = [
      {
        type: 'image_url',
        image_url: { url: 'data:image/webp;base64,QUJD', detail: 'low' },
        cache_control: { type: 'ephemeral' },
      },
      { type: 'image_url', image_url: { url: 'https://example.com/a.png' } },
      { type: 'file', file: { file_data: 'data:application/pdf;base64,QUJD', filename: 'a.pdf' } },
      { type: 'file', file: { file_data: 'data:text/csv;base64,YSxi' } },
      { type: 'file', file: { file_id: 'file_1' } },
      { type: 'file', file: { file_id: 'https://example.com/a.pdf' } },
      { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'x' } },
    ];
    expect(turns([{ role: 'user', content }])[0]!.content).toEqual([
      {
        type: 'image',
        source: { type: 'base64', media_type: 'image/webp', data: 'QUJD' },
        cache_control: { type: 'ephemeral' },
      },
      { type: 'image', source: { type: 'url', url: 'https://example.com/a.png' } },
      { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: 'QUJD' }, title: 'a.pdf' },
      { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'a,b' } },
      { type: 'document', source: { type: 'file', file_id: 'file_1' } },
      { type: 'document', source: { type: 'url', url: 'https://example.com/a.pdf' } },
      { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'x' } },
    ]);
  });

  it.each([
    [{ type: 'input_audio', input_audio: { data: 'QUJD', format: 'wav' } }],
    [{ type: 'video_url', video_url: {} }],
    [{ type: 'image_url', image_url: { url: 'ftp://x/y' } }],
    [{ type: 'file', file: {} }],
  ])('refuse %j, by its path, whatever may be dropped', (part) => {
    expect(() => turns([{ role: 'user', content: [part] }], { params: { drop_params: true } })).toThrow(
      refused('messages[0].content[0]'),
    );
  });

  it('replay signed reasoning first and unchanged, and no other', () => {
    const found = neutral([
      { role: 'user', content: 'x' },
      {
        role: 'assistant',
        content: 'answer',
        reasoning: [
          { text: 'thought', signature: 'sig==', origin: 'anthropic-messages' },
          { redacted: 'sealed', origin: 'anthropic-messages' },
          { text: 'unsigned' },
          { text: 'foreign', signature: 's', origin: 'gemini' },
        ],
      },
      { role: 'user', content: 'y' },
    ]);
    expect(found.messages[1]!.content).toEqual([
      { type: 'thinking', thinking: 'thought', signature: 'sig==' },
      { type: 'redacted_thinking', data: 'sealed' },
      { type: 'text', text: 'answer' },
    ]);
  });
});

describe('tools', () => {
  it('have a schema and their cache mark', () => {
    const cached = { type: 'ephemeral' };
    const bare = { type: 'function', function: { name: 'bare', cache_control: cached } };
    const untyped = {
      type: 'function',
      function: { name: 'untyped', parameters: { properties: {} } },
      cache_control: cached,
    };
    expect(write({ tools: [tool, bare, untyped] }).tools).toEqual([
      { name: 'look', description: 'Looks.', input_schema: { type: 'object', properties: { at: { type: 'string' } } } },
      { name: 'bare', input_schema: { type: 'object', properties: {} }, cache_control: cached },
      { name: 'untyped', input_schema: { type: 'object', properties: {} }, cache_control: cached },
    ]);
  });

  it.each([
    ['auto', undefined, { type: 'auto' }],
    ['required', undefined, { type: 'any' }],
    ['none', false, { type: 'none' }],
    [
      { type: 'function', function: { name: 'look' } },
      false,
      { type: 'tool', name: 'look', disable_parallel_tool_use: true },
    ],
    [undefined, false, { type: 'auto', disable_parallel_tool_use: true }],
    ['required', true, { type: 'any' }],
    [undefined, undefined, undefined],
  ])('are chosen by %j, parallel %s, as %j', (choice, parallel, expected) => {
    expect(write({ tools: [tool], tool_choice: choice, parallel_tool_calls: parallel }).tool_choice).toEqual(expected);
  });

  it('are not chosen where there are none', () => {
    expect(write({ tools: [], tool_choice: 'auto', parallel_tool_calls: false })).not.toHaveProperty('tool_choice');
  });

  it('of the API itself pass, others are refused or dropped', () => {
    const own = { type: 'bash_20250124', name: 'bash' };
    expect(write({ tools: [own] }).tools).toEqual([own]);
    expect(() => write({ tools: [tool, { type: 'custom', custom: {} }] })).toThrow(refused('tools[1]'));
    expect(
      upstream({ tools: [tool, { type: 'custom', custom: {} }] }, { params: { drop_params: true } }).dropped,
    ).toEqual(['tools[1]']);
  });

  it('that the history used must be there, unless one may be made up', () => {
    const messages = [
      hello,
      { role: 'assistant', tool_calls: [call('a')] },
      { role: 'tool', tool_call_id: 'a', content: 'x' },
    ];
    expect(() => write({ messages })).toThrow(
      expect.objectContaining({ param: 'tools', message: expect.stringContaining('modify_params') }),
    );
    expect(write({ messages }, { params: { modify_params: true } }).tools).toMatchObject([{ name: 'dummy_tool' }]);
  });

  it('include web search where it is asked for', () => {
    const options = {
      search_context_size: 'low',
      user_location: { type: 'approximate', approximate: { city: 'Berlin' } },
    };
    expect(write({ web_search_options: options }).tools).toEqual([
      {
        type: 'web_search_20250305',
        name: 'web_search',
        max_uses: 1,
        user_location: { type: 'approximate', city: 'Berlin' },
      },
    ]);
    expect(write({ web_search_options: {} }).tools).toMatchObject([{ max_uses: 5 }]);
  });
});

describe('a JSON reply', () => {
  const schema = { type: 'object', properties: { a: { type: 'number' } } };
  const format = (found: unknown) => ({ type: 'json_schema', json_schema: { name: 'answer', schema: found } });

  it('is asked for in the vendor\u2019s own way, objects closed', () => {
    const body = write({ response_format: format(schema) }, { model: 'claude-sonnet-4-5' });
    expect(body.output_config).toEqual({
      format: { type: 'json_schema', schema: { ...schema, additionalProperties: false } },
    });
    expect(body).not.toHaveProperty('tools');
  });

  it('stands beside the effort of a model that thinks', () => {
    const body = write({ response_format: format(schema), reasoning_effort: 'low' }, { model: 'claude-opus-4-6' });
    expect(body.output_config).toMatchObject({ effort: 'low', format: { type: 'json_schema' } });
  });

  it('without a schema is asked for in words, for the API has no mode for it', () => {
    const body = write({ response_format: { type: 'json_object' } });
    expect(body.system).toMatchObject([{ type: 'text', text: expect.stringContaining('JSON object') }]);
    expect(write({ response_format: { type: 'text' } })).not.toHaveProperty('system');
  });
});

it('writes ids in the letters the API takes, the same in call and answer', () => {
  const [, assistant, answer] = turns(
    [
      hello,
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id: 'functions.look:0', type: 'function', function: { name: 'look', arguments: '' } }],
      },
      { role: 'tool', tool_call_id: 'functions.look:0', content: 'x' },
    ],
    { params: { modify_params: true } },
  );
  expect(assistant!.content[0]).toMatchObject({ id: 'functions_look_0', input: {} });
  expect(answer!.content[0]).toMatchObject({ tool_use_id: 'functions_look_0' });
});

it('shows the model again what its own tools did', () => {
  const blocks = [
    { type: 'server_tool_use', id: 's', name: 'web_search', input: { query: 'x' } },
    { type: 'web_search_tool_result', tool_use_id: 's', content: [{ encrypted_content: 'e' }] },
  ];
  const [, assistant] = turns([
    hello,
    { role: 'assistant', content: 'Found.', provider_specific_fields: { blocks: [...blocks, { type: 'strange' }] } },
    hello,
  ]);
  expect(assistant!.content).toEqual([...blocks, { type: 'text', text: 'Found.' }]);
});

it('is shown calls by their ids alone, without the signatures that another vendor put there', () => {
  const id = 'call_1__thought__c2ln';
  const call = { id, type: 'function', function: { name: 'f', arguments: '{}' } };
  const found = turns(
    [hello, { role: 'assistant', tool_calls: [call] }, { role: 'tool', tool_call_id: id, content: 'a' }],
    {
      params: { modify_params: true },
    },
  );
  expect(found[1]?.content).toMatchObject([{ type: 'tool_use', id: 'call_1' }]);
  expect(found[2]?.content).toMatchObject([{ type: 'tool_result', tool_use_id: 'call_1' }]);
});
