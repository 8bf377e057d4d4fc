/** What only Anthropic has, on its way there and back through OpenAI's dialect: nothing of it may be lost. */
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import {
  openAiClient,
  readEvents,
  sendEvents,
  sendJson,
  startGateway,
  startVendor,
  type VendorHandler,
} from '../support/index.ts';
import { type Chat, chunksOf, user } from './client.ts';
import { type Fields, fieldsOf, listOf } from './truth.ts';
import { anthropicDeployment, once } from './vendors.ts';

const vendor = await startVendor(({ response }) => sendJson(response, 500, {}));
const gateway = await startGateway({
  config: {
    model_list: [
      anthropicDeployment('old', vendor, 'claude-sonnet-4'),
      anthropicDeployment('new', vendor, 'claude-opus-4-7'),
    ],
    router_settings: { ...once },
  },
});
const retrying = await startGateway({
  config: {
    model_list: [anthropicDeployment('old', vendor, 'claude-sonnet-4')],
    router_settings: { num_retries: 1, retry_after: 0, disable_cooldowns: true },
  },
});
afterAll(() => Promise.all([gateway.stop(), retrying.stop()]));

const client = openAiClient(gateway);
const sent = () => vendor.requests.at(-1)!.json as Fields;
const usage = { input_tokens: 10, output_tokens: 20 };

/** A message of these blocks, whole or streamed as it is asked for. */
const says =
  (content: readonly Fields[], more: Fields = {}): VendorHandler =>
  ({ request, response }) => {
    const { stop_reason = 'end_turn', usage: used = usage, ...rest } = more;
    const envelope = { id: 'msg_1', type: 'message', role: 'assistant', model: 'claude', ...rest };
    if (request.json?.stream !== true)
      return sendJson(response, 200, { ...envelope, content, stop_reason, stop_sequence: null, usage: used });
    return sendEvents(response, events(envelope, content, { stop_reason, used: used as Fields }), {});
  };

const event = (type: string, fields: object = {}) => `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;

function* events(
  envelope: object,
  content: readonly Fields[],
  { stop_reason, used }: { stop_reason: unknown; used: Fields },
) {
  yield event('message_start', { message: { ...envelope, content: [], stop_reason: null, usage: used } });
  yield event('ping');
  for (const [index, block] of content.entries()) {
    const { citations, ...plain } = block;
    const deltas = deltasOf(block);
    yield event('content_block_start', { index, content_block: deltas.length > 0 ? emptied(plain) : plain });
    for (const delta of deltas) yield event('content_block_delta', { index, delta });
    for (const citation of listOf(citations))
      yield event('content_block_delta', { index, delta: { type: 'citations_delta', citation } });
    yield event('content_block_stop', { index });
  }
  yield event('message_delta', { delta: { stop_reason, stop_sequence: null }, usage: used });
  yield event('message_stop');
}

function deltasOf({ type, text, thinking, signature, input }: Fields): Fields[] {
  if (type === 'text') return [{ type: 'text_delta', text }];
  if (type === 'thinking')
    return [
      { type: 'thinking_delta', thinking },
      { type: 'signature_delta', signature },
    ];
  const json = JSON.stringify(input);
  if (input === undefined) return [];
  return (json === '{}' ? [''] : ['', json.slice(0, 3), json.slice(3)]).map((partial_json) => ({
    type: 'input_json_delta',
    partial_json,
  }));
}

const emptied = (block: Fields): Fields => ({
  ...block,
  ...('text' in block && { text: '' }),
  ...('thinking' in block && { thinking: '', signature: '' }),
  ...('input' in block && { input: {} }),
});

const whole = async (chat: Chat, model = 'old') => {
  const reply = await client.chat.completions.create({ ...chat, model });
  return { reply, choice: fieldsOf(reply.choices[0]), message: fieldsOf(reply.choices[0]!.message) };
};

/** What the chunks of a stream hold of one member of their deltas. */
const told = async (chat: Chat, member: string) =>
  (await chunksOf(client, 'old', chat)).flatMap((chunk) =>
    chunk.choices.flatMap(({ delta }) => {
      const value = fieldsOf(delta)[member];
      return value === undefined || value === null ? [] : [value];
    }),
  );

beforeEach(() => vendor.use(says([{ type: 'text', text: 'ok' }])));

describe('thoughts', () => {
  const thought = { type: 'thinking', thinking: 'Let me see.', signature: 'c2lnbmVk' };
  const sealed = { type: 'redacted_thinking', data: 'c2VhbGVk' };
  const call = { type: 'tool_use', id: 'toolu_1', name: 'look', input: {} };
  const tools = [{ type: 'function' as const, function: { name: 'look', parameters: { type: 'object' } } }];
  const asking = { messages: [user('Look.')], tools, reasoning_effort: 'low' as const };

  it.each([false, true])('go back to the vendor as they came, first in their turn, stream: %s', async (stream) => {
    vendor.use(says([thought, sealed, call], { stop_reason: 'tool_use' }));
    const message = stream
      ? {
          role: 'assistant',
          content: null,
          thinking_blocks: (await told(asking, 'thinking_blocks')).flatMap(listOf),
          tool_calls: [{ id: 'toolu_1', type: 'function', function: { name: 'look', arguments: '{}' } }],
        }
      : (await whole(asking)).message;
    expect(sent().thinking).toEqual({ type: 'enabled', budget_tokens: 1024 });
    expect(message.thinking_blocks).toEqual([thought, sealed]);
    const answer = { role: 'tool' as const, tool_call_id: 'toolu_1', content: 'a ship' };
    await whole({ ...asking, messages: [...asking.messages, message as never, answer, user('And now?')] });
    expect(listOf(sent().messages).map(({ role, content }) => [role, content])).toEqual([
      ['user', [{ type: 'text', text: 'Look.' }]],
      ['assistant', [thought, sealed, call]],
      [
        'user',
        [
          { type: 'tool_result', tool_use_id: 'toolu_1', content: [{ type: 'text', text: 'a ship' }] },
          { type: 'text', text: 'And now?' },
        ],
      ],
    ]);
  });

  it('are read by clients that know none of the blocks', async () => {
    vendor.use(says([thought, { type: 'text', text: 'So.' }]));
    expect((await whole({ messages: [user('?')] })).message).toMatchObject({
      content: 'So.',
      reasoning_content: 'Let me see.',
    });
    expect((await told({ messages: [user('?')] }, 'reasoning_content')).join('')).toBe('Let me see.');
  });

  it('are asked for by an effort where models take no budget', async () => {
    await whole({ messages: [user('?')], reasoning_effort: 'xhigh' as never }, 'new');
    expect(sent()).toMatchObject({
      thinking: { type: 'adaptive', display: 'summarized' },
      output_config: { effort: 'xhigh' },
    });
  });
});

describe('a call without arguments', () => {
  it('has an empty object for them, whole and streamed, and calls are counted as such', async () => {
    const call = (id: string) => ({ type: 'tool_use', id, name: 'look', input: {} });
    vendor.use(says([{ type: 'text', text: 'I look.' }, call('a'), call('b')], { stop_reason: 'tool_use' }));
    const { message } = await whole({ messages: [user('?')] });
    expect(listOf(message.tool_calls).map((one) => fieldsOf(one.function).arguments)).toEqual(['{}', '{}']);
    const deltas = (await told({ messages: [user('?')] }, 'tool_calls')).flatMap(listOf);
    expect(deltas.map(({ index, id }) => [index, id])).toEqual([
      [0, 'a'],
      [0, undefined],
      [1, 'b'],
      [1, undefined],
    ]);
    expect(deltas.map((one) => fieldsOf(one.function).arguments).join('')).toBe('{}{}');
  });
});

describe('a search of the web', () => {
  const search = { type: 'server_tool_use', id: 'srv_1', name: 'web_search', input: { query: 'ships' } };
  const found = {
    type: 'web_search_tool_result',
    tool_use_id: 'srv_1',
    content: [{ type: 'web_search_result', url: 'https://x' }],
  };
  const citation = { type: 'web_search_result_location', url: 'https://x', cited_text: 'Ships.' };
  const content = [search, found, { type: 'text', text: 'Ships.', citations: [citation] }];
  const more = { usage: { ...usage, server_tool_use: { web_search_requests: 1 } } };
  const asking = { messages: [user('Ships?')], web_search_options: { search_context_size: 'low' as const } };

  it('is asked for by a tool, and told with its results, citations and count', async () => {
    vendor.use(says(content, more));
    const { reply, message } = await whole(asking);
    expect(sent().tools).toEqual([{ type: 'web_search_20250305', name: 'web_search', max_uses: 1 }]);
    expect(message).toMatchObject({
      content: 'Ships.',
      provider_specific_fields: { blocks: [search, found], citations: [citation] },
    });
    expect(fieldsOf(reply.usage).server_tool_use).toEqual({ web_search_requests: 1 });
    await whole({ messages: [...asking.messages, message as never, user('More.')] });
    expect(listOf(sent().messages)[1]?.content).toEqual([search, found, { type: 'text', text: 'Ships.' }]);
  });

  it('is told in a stream as well', async () => {
    vendor.use(says(content, more));
    const fields = (await told(asking, 'provider_specific_fields')).map(fieldsOf);
    expect(fields.flatMap(({ blocks }) => listOf(blocks))).toEqual([search, found]);
    expect(fields.flatMap(({ citation: one }) => (one === undefined ? [] : [one]))).toEqual([citation]);
  });
});

describe('a mark for the cache', () => {
  const mark = { type: 'ephemeral', ttl: '1h' };

  it('reaches every place that may have one', async () => {
    const tool = { type: 'function', cache_control: mark, function: { name: 'look', parameters: { type: 'object' } } };
    await whole({
      messages: [
        { role: 'system', content: [{ type: 'text', text: 'Rules.', cache_control: mark }] as never },
        { role: 'user', content: [{ type: 'text', text: 'Text.', cache_control: mark }] as never },
        {
          role: 'assistant',
          content: null,
          tool_calls: [{ id: 'c', type: 'function', function: { name: 'look', arguments: '{}' } }],
        },
        { role: 'tool', tool_call_id: 'c', content: 'mild', cache_control: mark } as never,
        { role: 'user', content: 'Go on.', cache_control: mark } as never,
      ],
      tools: [tool as never],
    });
    const { system, tools, messages } = sent();
    expect(listOf(system)[0]?.cache_control).toEqual(mark);
    expect(listOf(tools)[0]?.cache_control).toEqual(mark);
    const marked = listOf(messages)
      .flatMap(({ content }) => listOf(content))
      .filter((block) => block.cache_control);
    expect(marked.map(({ type }) => type)).toEqual(['text', 'tool_result', 'text']);
  });

  it('has what it wrote and read told in usage, by Anthropic\u2019s names too', async () => {
    const used = {
      input_tokens: 5,
      output_tokens: 7,
      cache_read_input_tokens: 11,
      cache_creation_input_tokens: 30,
      cache_creation: { ephemeral_5m_input_tokens: 10, ephemeral_1h_input_tokens: 20 },
    };
    vendor.use(says([{ type: 'text', text: 'x' }], { usage: used }));
    const { reply } = await whole({ messages: [user('?')] });
    expect(reply.usage).toMatchObject({
      prompt_tokens: 46,
      completion_tokens: 7,
      total_tokens: 53,
      prompt_tokens_details: {
        cached_tokens: 11,
        cache_creation_tokens: 30,
        cache_creation_token_details: { ephemeral_5m_input_tokens: 10, ephemeral_1h_input_tokens: 20 },
      },
      cache_creation_input_tokens: 30,
      cache_read_input_tokens: 11,
    });
  });
});

describe('an end', () => {
  it.each([
    ['pause_turn', 'stop'],
    ['refusal', 'content_filter'],
    ['model_context_window_exceeded', 'length'],
    ['stop_sequence', 'stop'],
    ['a_reason_of_tomorrow', 'stop'],
  ])('by %s is told as %s', async (stop_reason, finish) => {
    vendor.use(says([{ type: 'text', text: 'x' }], { stop_reason }));
    expect((await whole({ messages: [user('?')] })).choice.finish_reason).toBe(finish);
    const chunks = await chunksOf(client, 'old', { messages: [user('?')] });
    expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe(finish);
  });
});

describe('an error inside a stream', () => {
  const overloaded: VendorHandler = ({ response }) =>
    sendEvents(
      response,
      [
        event('message_start', { message: { id: 'm', content: [], usage } }),
        event('error', { error: { type: 'overloaded_error', message: 'Overloaded' } }),
      ],
      {},
    );

  it('ahead of any text is tried again, and nothing of it is seen', async () => {
    vendor.use([overloaded, says([{ type: 'text', text: 'better' }])]);
    const chunks = await chunksOf(openAiClient(retrying), 'old', { messages: [user('?')] });
    expect(chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('')).toBe('better');
  });

  it('is its own status where nobody else can be tried', async () => {
    vendor.use(overloaded);
    const response = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'old', stream: true, messages: [user('?')] }),
    });
    expect(response.status).toBe(503);
    expect(await response.text()).toContain('ERR_PROVIDER_OVERLOADED');
  });

  it('behind text is one error, without [DONE]', async () => {
    vendor.use(({ response }) =>
      sendEvents(
        response,
        [
          event('message_start', { message: { id: 'm', content: [], usage } }),
          event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
          event('content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'once' } }),
          event('error', { error: { type: 'api_error', message: 'gone' } }),
        ],
        {},
      ),
    );
    const response = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'old', stream: true, messages: [user('?')] }),
    });
    const found = readEvents(await response.text());
    expect(found.at(-1)?.data).toContain('"error"');
    expect(found.map(({ data }) => data)).not.toContain('[DONE]');
  });
});

describe('a request', () => {
  it('names the betas that what stands in it needs', async () => {
    await whole({
      messages: [user('?')],
      context_management: { edits: [{ type: 'clear_tool_uses_20250919' }] },
      betas: ['mine-2026-01-01'],
    } as unknown as Chat);
    expect(vendor.requests.at(-1)!.headers['anthropic-beta']).toBe('mine-2026-01-01,context-management-2025-06-27');
    expect(sent()).not.toHaveProperty('betas');
  });

  it('begins with the user, alternates, and does not end in white space', async () => {
    await whole({
      messages: [
        { role: 'assistant', content: 'Hello.' },
        user('One.'),
        user('Two.'),
        { role: 'assistant', content: 'Begin: \n' },
      ],
    });
    expect(listOf(sent().messages).map(({ role }) => role)).toEqual(['user', 'assistant', 'user', 'assistant']);
    expect(listOf(listOf(sent().messages).at(-1)?.content)[0]?.text).toBe('Begin:');
  });
});
