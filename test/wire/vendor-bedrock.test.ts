/**
 * Amazon Bedrock behind OpenAI's dialect: what reaches Converse and
 * InvokeModel, and what becomes of what they answer. The vendor is at the
 * socket; its frames and signatures are made by AWS's own libraries.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Gateway, openAiClient, sendJson, startGateway, startVendor, type Vendor } from '../support/index.ts';
import { chunk, frame, sendFrames, signerOf } from './bedrock-side.ts';
import { askStream, askWhole, type Chat, collected, user } from './client.ts';
import { type Fields, fieldsOf, type Told } from './truth.ts';

const issued = { accessKeyId: 'AKIDWIRE', secretAccessKey: 'wire/secret+key' };
const keys = { aws_access_key_id: issued.accessKeyId, aws_secret_access_key: issued.secretAccessKey };
const sonnet = 'us.anthropic.claude-sonnet-4-5-20250929-v1:0';
const arn = 'arn:aws:bedrock:eu-west-3:123456789012:application-inference-profile/abc123';
const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

let vendor: Vendor;
let gateway: Gateway;

const entry = (group: string, model: string, params: object = {}) => ({
  model_name: group,
  litellm_params: { model: `bedrock/${model}`, api_base: vendor.url, aws_region_name: 'us-west-2', ...keys, ...params },
});

beforeAll(async () => {
  vendor = await startVendor(() => {});
  gateway = await startGateway({
    config: {
      model_list: [
        entry('claude', sonnet),
        entry('lax', sonnet, { drop_params: true, modify_params: true }),
        entry('nova', 'converse/amazon.nova-2-lite-v1:0'),
        entry('llama', 'meta.llama3-3-70b-instruct-v1:0', { drop_params: true }),
        entry('guarded', 'amazon.nova-pro-v1:0', {
          guardrailConfig: { guardrailIdentifier: 'gr-1', guardrailVersion: '3', trace: 'enabled' },
          performanceConfig: { latency: 'optimized' },
        }),
        entry('invoked', `invoke/${sonnet}`, { drop_params: true }),
        {
          model_name: 'profile',
          litellm_params: { model: `bedrock/${arn}`, aws_bedrock_runtime_endpoint: vendor.url, ...keys },
          model_info: { base_model: 'anthropic.claude-sonnet-4-5-20250929-v1:0' },
        },
        entry('titan', 'amazon.titan-embed-text-v2:0'),
        entry('cohere', 'cohere.embed-multilingual-v3'),
      ],
      router_settings: { num_retries: 0, disable_cooldowns: true },
    },
  });
});
afterAll(() => gateway?.stop());

const usage = { inputTokens: 100, outputTokens: 20, totalTokens: 120 };
const whole = (content: object[], stopReason: string, more: object = {}) => ({
  output: { message: { role: 'assistant', content } },
  stopReason,
  usage,
  metrics: { latencyMs: 321 },
  ...more,
});
const answers = (reply: object) =>
  vendor.use((exchange) => sendJson(exchange.response, 200, reply, { 'x-amzn-requestid': 'aws-7' }));
const streams = (frames: readonly Buffer[]) => vendor.use((exchange) => sendFrames(exchange, frames));

beforeEach(() => answers(whole([{ text: 'Aye.' }], 'end_turn')));

const client = () => openAiClient(gateway);
const last = () => vendor.requests.at(-1)!;
const bodyOf = () => last().json as Fields;
const ask = (model: string, chat: Fields) =>
  askWhole(client(), model, { messages: [user('Ahoy')], ...chat } as unknown as Chat);
const raw = (body: Fields) =>
  fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ messages: [user('Ahoy')], ...body }),
  });

const json = async (response: Response) => (await response.json()) as Fields;

const weather = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'Tells it.',
    parameters: { type: 'object', properties: { place: {} } },
  },
};
const odd = { type: 'function', function: { name: 'tools/weather.of ñ', parameters: { properties: {} } } };

describe('the request', () => {
  it('is signed for bedrock over the path that is escaped once more, as AWS’s signer has it', async () => {
    await ask('claude', {});
    expect(last().path).toBe('/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse');
    expect(await signerOf(last(), issued)).toMatchObject({ key: 'AKIDWIRE', region: 'us-west-2', service: 'bedrock' });
    expect((await signerOf(last(), issued)).signed).toEqual(
      expect.arrayContaining(['host', 'x-amz-date', 'content-type']),
    );
  });

  it('has an ARN escaped as one piece, and signed for the region it names', async () => {
    await ask('profile', {});
    expect(last().path).toBe(`/model/${encodeURIComponent(arn)}/converse`);
    expect(await signerOf(last(), issued)).toMatchObject({ region: 'eu-west-3' });
  });

  it('keeps system and turns as Converse wants them: apart, alternating, never blank', async () => {
    await ask('claude', {
      messages: [
        {
          role: 'system',
          content: [{ type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral', ttl: '1h' } }],
        },
        { role: 'developer', content: 'Be kind.' },
        { role: 'assistant', content: 'Hello.' },
        user(''),
        user('One'),
        user('Two'),
        { role: 'assistant', content: ' Three \n' },
      ],
    });
    expect(bodyOf()).toEqual({
      system: [{ text: 'Be brief.' }, { cachePoint: { type: 'default', ttl: '1h' } }, { text: 'Be kind.' }],
      messages: [
        { role: 'user', content: [{ text: '.' }] },
        { role: 'assistant', content: [{ text: 'Hello.' }] },
        { role: 'user', content: [{ text: 'One' }, { text: 'Two' }] },
        { role: 'assistant', content: [{ text: ' Three' }] },
      ],
    });
  });

  it('carries images, documents and videos as bytes under their formats', async () => {
    await ask('claude', {
      messages: [
        {
          role: 'user',
          content: [
            { type: 'image_url', image_url: { url: `data:image/jpeg;base64,${pixel}` } },
            { type: 'file', file: { filename: 'my  plan_v2.pdf', file_data: 'data:application/pdf;base64,JVBERi0=' } },
            { type: 'file', file: { filename: 'my plan_v2.pdf', file_data: 'data:application/pdf;base64,JVBERi0=' } },
            { type: 'video_url', video_url: { url: 's3://bucket/clip.mov' } },
          ],
        },
      ],
    });
    expect(bodyOf().messages).toEqual([
      {
        role: 'user',
        content: [
          // The bytes are those of a PNG, whatever the label says.
          { image: { format: 'png', source: { bytes: pixel } } },
          { document: { format: 'pdf', name: 'my plan-v2', source: { bytes: 'JVBERi0=' } } },
          { document: { format: 'pdf', name: 'my plan-v2 2', source: { bytes: 'JVBERi0=' } } },
          { video: { format: 'mov', source: { s3Location: { uri: 's3://bucket/clip.mov' } } } },
          { text: '.' },
        ],
      },
    ]);
  });

  it('carries tools, calls and results, names changed on the way out and back', async () => {
    answers(whole([{ toolUse: { toolUseId: 'tooluse_1', name: 'x', input: {} } }], 'tool_use'));
    vendor.use(({ request, response }) => {
      const { tools } = fieldsOf(request.json?.toolConfig);
      const name = fieldsOf(fieldsOf((tools as unknown[])[1]).toolSpec).name;
      const content = [{ toolUse: { toolUseId: 'tooluse_1', name, input: { é: 1 } } }];
      sendJson(response, 200, whole(content, 'tool_use'));
    });
    const told = await ask('claude', {
      tools: [weather, odd],
      tool_choice: 'required',
      messages: [
        user('Weather?'),
        {
          role: 'assistant',
          content: null,
          tool_calls: [
            { id: 'call a|1', type: 'function', function: { name: odd.function.name, arguments: '{"a":1}' } },
            { id: 'call_b', type: 'function', function: { name: 'get_weather', arguments: '' } },
          ],
        },
        { role: 'tool', tool_call_id: 'call a|1', content: 'rain' },
        { role: 'tool', tool_call_id: 'call_b', content: '' },
        user('So?'),
      ],
    });
    const { messages, toolConfig } = bodyOf();
    const { tools, toolChoice } = fieldsOf(toolConfig);
    const [, renamed] = (tools as Fields[]).map(({ toolSpec }) => fieldsOf(toolSpec));
    expect(renamed).toEqual({
      name: expect.stringMatching(/^tools_weather_of_[\w-]+$/),
      inputSchema: { json: { type: 'object', properties: {} } },
    });
    expect(toolChoice).toEqual({ any: {} });
    const [, assistant, results] = messages as { content: Fields[] }[];
    const [first, second] = assistant!.content.map(({ toolUse }) => fieldsOf(toolUse));
    expect(first).toEqual({
      toolUseId: expect.stringMatching(/^[\w.:-]{1,64}$/),
      name: renamed!.name,
      input: { a: 1 },
    });
    expect(second).toEqual({ toolUseId: 'call_b', name: 'get_weather', input: {} });
    expect(results!.content).toEqual([
      { toolResult: { toolUseId: first!.toolUseId, content: [{ text: 'rain' }] } },
      { toolResult: { toolUseId: 'call_b', content: [{ text: '(empty)' }] } },
      { text: 'So?' },
    ]);
    expect(told).toMatchObject({
      calls: [{ id: 'tooluse_1', name: 'tools/weather.of ñ', input: { é: 1 } }],
      finish: 'tool_calls',
    });
  });

  it.each([
    ['claude', 'auto', { auto: {} }],
    ['claude', { type: 'function', function: { name: 'get_weather' } }, { tool: { name: 'get_weather' } }],
    ['nova', 'required', { any: {} }],
    ['llama', 'required', undefined],
  ])('lets %s choose a tool by %j as %j', async (model, choice, expected) => {
    await ask(model, { tools: [weather], tool_choice: choice });
    expect(fieldsOf(bodyOf().toolConfig).toolChoice).toEqual(expected);
  });

  it('leaves tools away where none may be called', async () => {
    await ask('claude', { tools: [weather], tool_choice: 'none' });
    expect(bodyOf()).not.toHaveProperty('toolConfig');
  });

  it('holds Claude to one call at a time by its own field, and nobody else', async () => {
    await ask('claude', { tools: [weather], tool_choice: 'required', parallel_tool_calls: false });
    expect(bodyOf().additionalModelRequestFields).toEqual({
      tool_choice: { type: 'any', disable_parallel_tool_use: true },
    });
    expect(fieldsOf(bodyOf().toolConfig)).not.toHaveProperty('toolChoice');
    const refused = await raw({ model: 'nova', tools: [weather], parallel_tool_calls: false });
    expect([refused.status, fieldsOf((await json(refused)).error).param]).toEqual([400, 'parallel_tool_calls']);
  });

  it('says how to sample, and whose request it is', async () => {
    await ask('claude', {
      max_completion_tokens: 99,
      temperature: 0.3,
      top_p: 0.9,
      top_k: 7,
      stop: ['END', ' '],
      user: 'someone@example.com',
      service_tier: 'flex',
      requestMetadata: { team: 'blue' },
      additionalModelRequestFields: { frobnicate: 1 },
    });
    expect(bodyOf()).toEqual({
      messages: [{ role: 'user', content: [{ text: 'Ahoy' }] }],
      inferenceConfig: { maxTokens: 99, temperature: 0.3, topP: 0.9, stopSequences: ['END'] },
      requestMetadata: { team: 'blue', user: 'someone@example.com' },
      serviceTier: { type: 'flex' },
      additionalModelRequestFields: { frobnicate: 1, top_k: 7 },
    });
  });

  it('takes guardrail and performance from the deployment', async () => {
    await ask('guarded', { top_k: 5 });
    expect(bodyOf()).toMatchObject({
      guardrailConfig: { guardrailIdentifier: 'gr-1', guardrailVersion: '3', trace: 'enabled' },
      performanceConfig: { latency: 'optimized' },
      additionalModelRequestFields: { inferenceConfig: { topK: 5 } },
    });
  });

  it.each([
    ['claude', { reasoning_effort: 'medium' }, { thinking: { type: 'enabled', budget_tokens: 2048 } }],
    [
      'claude',
      { thinking: { type: 'enabled', budget_tokens: 9 } },
      { thinking: { type: 'enabled', budget_tokens: 1024 } },
    ],
    ['nova', { reasoning_effort: 'low' }, { reasoningConfig: { type: 'enabled', maxReasoningEffort: 'low' } }],
  ])('has %s think by %j as %j', async (model, asked, fields) => {
    await ask(model, { ...asked, max_tokens: 8000 });
    expect(bodyOf().additionalModelRequestFields).toEqual(fields);
  });

  it('asks a thinking Claude for no temperature but 1, and forces no tool', async () => {
    const response = await raw({
      model: 'claude',
      reasoning_effort: 'high',
      max_tokens: 8000,
      temperature: 0.2,
      tools: [weather],
      tool_choice: 'required',
    });
    expect(response.headers.get('x-rutter-translation')).toContain('temperature');
    expect(bodyOf()).toMatchObject({ inferenceConfig: { temperature: 1 }, toolConfig: { toolChoice: { auto: {} } } });
  });

  it.each([
    ['n', 2],
    ['seed', 7],
    ['logprobs', true],
    ['presence_penalty', 0.5],
    ['web_search_options', {}],
    ['logit_bias', { 1: 2 }],
  ])('is refused with %s, or goes without it under drop_params', async (name, value) => {
    const refused = await raw({ model: 'claude', [name]: value });
    expect([refused.status, fieldsOf((await json(refused)).error).param]).toEqual([400, name]);
    const dropped = await raw({ model: 'lax', [name]: value });
    expect([dropped.status, dropped.headers.get('x-rutter-translation')]).toEqual([200, expect.stringContaining(name)]);
    expect(Object.keys(bodyOf())).toEqual(['messages']);
  });

  it('names the tools of earlier turns where the caller no longer does, or refuses', async () => {
    const messages = [
      user('Go'),
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id: 'c', type: 'function', function: { name: 'go', arguments: '{}' } }],
      },
      { role: 'tool', tool_call_id: 'c', content: 'gone' },
    ];
    expect((await raw({ model: 'claude', messages })).status).toBe(400);
    await ask('lax', { messages });
    expect(bodyOf().toolConfig).toMatchObject({ tools: [{ toolSpec: { name: 'dummy_tool' } }] });
  });
});

const cacheUsage = {
  ...usage,
  cacheReadInputTokens: 30,
  cacheWriteInputTokens: 50,
  cacheDetails: [
    { ttl: '1h', inputTokens: 40 },
    { ttl: '5m', inputTokens: 10 },
  ],
  totalTokens: 200,
};

describe('the reply', () => {
  it('gives text, reasoning with its signature, and tokens counted once', async () => {
    const content = [
      { reasoningContent: { reasoningText: { text: 'Hm…', signature: 'c2ln' } } },
      { reasoningContent: { redactedContent: 'cmVk' } },
      { text: 'Aye ' },
      { text: 'ñ🧭' },
    ];
    answers(whole(content, 'end_turn', { usage: cacheUsage }));
    const response = await raw({ model: 'claude' });
    const { choices, usage: told } = (await json(response)) as { choices: { message: Fields }[]; usage: Fields };
    const { message } = choices[0]!;
    const [signed] = message.thinking_blocks as Fields[];
    expect(choices[0]).toMatchObject({
      finish_reason: 'stop',
      message: {
        content: 'Aye ñ🧭',
        reasoning_content: 'Hm…',
        thinking_blocks: [
          { type: 'thinking', thinking: 'Hm…', signature: 'c2ln' },
          { type: 'redacted_thinking', data: 'cmVk', origin: 'bedrock-converse' },
        ],
      },
    });
    expect(told).toMatchObject({
      prompt_tokens: 180,
      completion_tokens: 20,
      prompt_tokens_details: { cached_tokens: 30 },
    });

    // What came goes back as it was.
    await ask('claude', { messages: [user('One'), message, user('Two')] });
    expect((bodyOf().messages as { content: unknown }[])[1]?.content).toEqual([
      content[0],
      content[1],
      { text: 'Aye ñ🧭' },
    ]);
    // Another maker's model does not get what Claude signed.
    await ask('nova', {
      messages: [user('One'), { ...message, thinking_blocks: [signed] }, user('Two')],
    });
    expect((bodyOf().messages as { content: unknown }[])[1]?.content).toEqual([{ text: 'Aye ñ🧭' }]);
  });

  it.each([
    ['end_turn', 'stop'],
    ['stop_sequence', 'stop'],
    ['max_tokens', 'length'],
    ['model_context_window_exceeded', 'length'],
    ['guardrail_intervened', 'content_filter'],
    ['content_filtered', 'content_filter'],
    ['malformed_model_output', 'stop'],
    ['something_new', 'stop'],
  ])('ends by %s as %s', async (stopReason, finish) => {
    answers(whole([{ text: 'x' }], stopReason));
    expect((await ask('claude', {})).finish).toBe(finish);
  });

  it('tells what a guardrail saw', async () => {
    const trace = { guardrail: { modelOutput: ['no'], inputAssessment: {} } };
    answers(whole([{ text: 'Sorry.' }], 'guardrail_intervened', { trace }));
    expect(await (await raw({ model: 'guarded' })).json()).toMatchObject({ trace });
  });

  it('is an error where the address is that of another service', async () => {
    answers({ Output: { __type: 'com.amazon.coral.service#UnknownOperationException' }, Version: '1.0' });
    const response = await raw({ model: 'claude' });
    expect([response.status, fieldsOf((await json(response)).error).rutter_code]).toEqual([
      404,
      'ERR_PROVIDER_NOT_FOUND',
    ]);
  });
});

const converseStream = [
  frame('messageStart', { role: 'assistant', p: 'abc' }),
  frame('contentBlockDelta', { contentBlockIndex: 0, delta: { reasoningContent: { text: 'Hm' } } }),
  frame('contentBlockDelta', { contentBlockIndex: 0, delta: { reasoningContent: { text: '…' } } }),
  frame('contentBlockDelta', { contentBlockIndex: 0, delta: { reasoningContent: { signature: 'c2ln' } } }),
  frame('contentBlockStop', { contentBlockIndex: 0 }),
  frame('contentBlockDelta', { contentBlockIndex: 1, delta: { text: 'ñ' } }),
  frame('contentBlockDelta', { contentBlockIndex: 1, delta: { text: '🧭' } }),
  frame('contentBlockStop', { contentBlockIndex: 1 }),
  frame('contentBlockStart', {
    contentBlockIndex: 2,
    start: { toolUse: { toolUseId: 'tooluse_1', name: 'get_weather' } },
  }),
  frame('contentBlockDelta', { contentBlockIndex: 2, delta: { toolUse: { input: '{"pl' } } }),
  frame('contentBlockDelta', { contentBlockIndex: 2, delta: { toolUse: { input: 'ace":"é"}' } } }),
  frame('contentBlockStop', { contentBlockIndex: 2 }),
  frame('contentBlockStart', { contentBlockIndex: 3, start: { toolUse: { toolUseId: 'tooluse_2', name: 'ping' } } }),
  frame('contentBlockStop', { contentBlockIndex: 3 }),
  frame('somethingNew', { hello: 1 }),
  frame('messageStop', { stopReason: 'tool_use' }),
  frame('metadata', { usage: cacheUsage, metrics: { latencyMs: 9 } }),
];
const told: Told = {
  reasoning: 'Hm…',
  text: 'ñ🧭',
  calls: [
    { id: 'tooluse_1', name: 'get_weather', input: { place: 'é' } },
    { id: 'tooluse_2', name: 'ping', input: {} },
  ],
  finish: 'tool_calls',
  tokens: { prompt: 180, completion: 20, cached: 30, reasoning: 1 },
};

describe('the stream', () => {
  it('gives words, calls, reasoning, and the usage that comes behind its end', async () => {
    streams(converseStream);
    expect(await askStream(client(), 'claude', { messages: [user('Go')], tools: [weather] } as Chat)).toEqual(told);
    expect(last().path).toMatch(/\/converse-stream$/);
    expect(last().headers.accept).toBe('application/vnd.amazon.eventstream');
    expect(await signerOf(last(), issued)).toMatchObject({ service: 'bedrock' });
  });

  it('keeps the signature of the reasoning for the next turn', async () => {
    streams(converseStream);
    const stream = await client().chat.completions.create({ model: 'claude', messages: [user('Go')], stream: true });
    const blocks = (await collected(stream)).flatMap(
      ({ choices }) => (fieldsOf(choices[0]?.delta ?? {}).thinking_blocks as Fields[] | undefined) ?? [],
    );
    expect(blocks.at(-1)).toMatchObject({ type: 'thinking', signature: 'c2ln' });
  });
});

const claudeUsage = {
  input_tokens: 100,
  output_tokens: 1,
  cache_read_input_tokens: 30,
  cache_creation_input_tokens: 50,
};
const claudeEvents = [
  {
    type: 'message_start',
    message: { id: 'msg_1', type: 'message', role: 'assistant', content: [], usage: claudeUsage },
  },
  { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
  { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'ñ🧭' } },
  { type: 'content_block_stop', index: 0 },
  {
    type: 'content_block_start',
    index: 1,
    content_block: { type: 'tool_use', id: 'toolu_1', name: 'get_weather', input: {} },
  },
  { type: 'content_block_delta', index: 1, delta: { type: 'input_json_delta', partial_json: '{"place":"é"}' } },
  { type: 'content_block_stop', index: 1 },
  { type: 'message_delta', delta: { stop_reason: 'tool_use' }, usage: { output_tokens: 20 } },
  { type: 'message_stop', 'amazon-bedrock-invocationMetrics': { inputTokenCount: 180 } },
];

describe('Claude by InvokeModel', () => {
  it('gets the body of its own API with the version inside', async () => {
    answers({
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      content: [{ type: 'text', text: 'Aye.' }],
      stop_reason: 'end_turn',
      usage: claudeUsage,
    });
    const reply = await ask('invoked', {
      messages: [{ role: 'system', content: 'Be brief.' }, user('Ahoy')],
      anthropic_beta: ['interleaved-thinking-2025-05-14'],
      guardrailConfig: { guardrailIdentifier: 'gr-1', guardrailVersion: '3', trace: 'enabled' },
      service_tier: 'priority',
      web_search_options: {},
    });
    expect(reply).toMatchObject({ text: 'Aye.', finish: 'stop', tokens: { prompt: 180, completion: 1, cached: 30 } });
    expect(last().path).toBe('/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/invoke');
    expect(bodyOf()).toEqual({
      anthropic_version: 'bedrock-2023-05-31',
      anthropic_beta: ['interleaved-thinking-2025-05-14'],
      max_tokens: 4096,
      system: [{ type: 'text', text: 'Be brief.' }],
      messages: [{ role: 'user', content: [{ type: 'text', text: 'Ahoy' }] }],
    });
    expect(last().headers).toMatchObject({
      'x-amzn-bedrock-guardrailidentifier': 'gr-1',
      'x-amzn-bedrock-guardrailversion': '3',
      'x-amzn-bedrock-trace': 'ENABLED',
      'x-amzn-bedrock-service-tier': 'priority',
    });
    expect(last().headers).not.toHaveProperty('anthropic-version');
    expect(await signerOf(last(), issued)).toMatchObject({ key: 'AKIDWIRE' });
  });

  it('streams the events of its own API in frames', async () => {
    streams(claudeEvents.map(chunk));
    expect(await askStream(client(), 'invoked', { messages: [user('Go')], tools: [weather] } as Chat)).toEqual({
      ...told,
      reasoning: '',
      calls: [{ id: 'toolu_1', name: 'get_weather', input: { place: 'é' } }],
      tokens: { ...told.tokens, reasoning: 0 },
    });
    expect(last().path).toMatch(/\/invoke-with-response-stream$/);
    expect(bodyOf()).not.toHaveProperty('stream');
  });

  it('ends as refused where a guardrail stepped in', async () => {
    answers({
      type: 'message',
      content: [{ type: 'text', text: 'No.' }],
      stop_reason: 'end_turn',
      'amazon-bedrock-guardrailAction': 'INTERVENED',
    });
    expect((await ask('invoked', {})).finish).toBe('content_filter');
  });
});

describe('embeddings', () => {
  const embed = (model: string, body: object) =>
    client().embeddings.create({ model, input: 'ahoy', encoding_format: 'float', ...body });

  it('come from Titan one text a call', async () => {
    answers({ embedding: [0.5, -1], inputTextTokenCount: 3, embeddingsByType: { float: [0.5, -1] } });
    const reply = await embed('titan', { dimensions: 256, normalize: true });
    expect(reply).toMatchObject({ data: [{ embedding: [0.5, -1] }], usage: { prompt_tokens: 3 } });
    expect(last().path).toBe('/model/amazon.titan-embed-text-v2%3A0/invoke');
    expect(bodyOf()).toEqual({ inputText: 'ahoy', dimensions: 256, normalize: true });
  });

  it('come from Cohere for many at once', async () => {
    answers({
      id: 'e',
      response_type: 'embeddings_floats',
      embeddings: [
        [1, 2],
        [3, 4],
      ],
      texts: ['ahoy', 'aye'],
    });
    const reply = await embed('cohere', { input: ['ahoy', 'aye'] });
    expect(reply.data.map(({ embedding }) => embedding)).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(bodyOf()).toEqual({ input_type: 'search_document', texts: ['ahoy', 'aye'] });
    answers({ response_type: 'embeddings_by_type', embeddings: { float: [[1, 2]] } });
    expect((await embed('cohere', { input_type: 'search_query' })).data[0]?.embedding).toEqual([1, 2]);
    expect(bodyOf()).toMatchObject({ input_type: 'search_query' });
  });
});
