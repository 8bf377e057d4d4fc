/**
 * Amazon Bedrock behind OpenAI's dialect: what reaches Converse. The vendor
 * is at the socket; signatures are checked by AWS's own signer.
 */
import { describe, expect, it } from 'vitest';
import { sendJson, startVendor } from '../support/index.ts';
import {
  answers,
  arn,
  ask,
  bodyOf,
  handles,
  issued,
  json,
  last,
  raw,
  useBedrock,
  weather,
  whole,
} from './bedrock-bench.ts';
import { signerOf } from './bedrock-side.ts';
import { user } from './client.ts';
import { type Fields, fieldsOf } from './truth.ts';

useBedrock();

const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
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

  it('carries what is large as it is: an image, a document, arguments, words', async () => {
    const large = pixel.slice(0, 80) + 'A'.repeat(300_000);
    const words = ` ${'ñ🧭 '.repeat(40_000)}`;
    await ask('claude', {
      tools: [weather],
      messages: [
        {
          role: 'user',
          content: [
            { type: 'image_url', image_url: { url: `data:image/png;base64,${large}` } },
            { type: 'file', file: { filename: 'a.pdf', file_data: `data:application/pdf;base64,JVBERi0${large}` } },
            { type: 'text', text: words },
          ],
        },
        {
          role: 'assistant',
          content: null,
          tool_calls: [
            {
              id: 'c',
              type: 'function',
              function: { name: 'get_weather', arguments: JSON.stringify({ place: words }) },
            },
          ],
        },
        { role: 'tool', tool_call_id: 'c', content: words },
      ],
    });
    expect(bodyOf().messages).toEqual([
      {
        role: 'user',
        content: [
          { image: { format: 'png', source: { bytes: large } } },
          { document: { format: 'pdf', name: 'a', source: { bytes: `JVBERi0${large}` } } },
          { text: words },
        ],
      },
      { role: 'assistant', content: [{ toolUse: { toolUseId: 'c', name: 'get_weather', input: { place: words } } }] },
      { role: 'user', content: [{ toolResult: { toolUseId: 'c', content: [{ text: words }] } }] },
    ]);
    expect(await signerOf(last(), issued)).toMatchObject({ key: issued.accessKeyId });
  });

  it('has images by address downloaded, and refuses what is none of the four formats', async () => {
    const images = await startVendor(({ request, response }) =>
      request.path === '/a.png'
        ? response.writeHead(200, { 'content-type': 'image/png' }).end(Buffer.from(pixel, 'base64'))
        : response.writeHead(200, { 'content-type': 'image/bmp' }).end('BM'),
    );
    const image = (path: string) => [{ type: 'image_url', image_url: { url: images.url + path } }];
    await ask('claude', { messages: [{ role: 'user', content: image('/a.png') }] });
    expect(bodyOf().messages).toEqual([
      { role: 'user', content: [{ image: { format: 'png', source: { bytes: pixel } } }] },
    ]);
    const refused = await raw({ model: 'claude', messages: [{ role: 'user', content: image('/a.bmp') }] });
    expect(refused.status).toBe(400);
  });

  it('carries tools, calls and results, names changed on the way out and back', async () => {
    answers(whole([{ toolUse: { toolUseId: 'tooluse_1', name: 'x', input: {} } }], 'tool_use'));
    handles(({ request, response }) => {
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
      top_k: 7,
      stop: ['END', ' '],
      user: 'someone@example.com',
      service_tier: 'flex',
      requestMetadata: { team: 'blue' },
      additionalModelRequestFields: { frobnicate: 1 },
    });
    expect(bodyOf()).toEqual({
      messages: [{ role: 'user', content: [{ text: 'Ahoy' }] }],
      inferenceConfig: { maxTokens: 99, temperature: 0.3, stopSequences: ['END'] },
      requestMetadata: { team: 'blue', user: 'someone@example.com' },
      serviceTier: { type: 'flex' },
      additionalModelRequestFields: { frobnicate: 1, top_k: 7 },
    });
  });

  it('takes Claude for what it is: with one sampler from 4.1 on', async () => {
    const both = { temperature: 0.3, top_p: 0.9 };
    const refused = await raw({ model: 'claude', ...both });
    expect([refused.status, fieldsOf((await json(refused)).error).param]).toEqual([400, 'top_p']);
    await ask('lax', both);
    expect(bodyOf().inferenceConfig).toEqual({ temperature: 0.3 });
    await ask('nova', both);
    expect(bodyOf().inferenceConfig).toEqual({ temperature: 0.3, topP: 0.9 });
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

  it('asks a thinking Claude for no temperature but 1, and for no thoughts where a tool is forced', async () => {
    const asked = { model: 'claude', reasoning_effort: 'high', max_tokens: 8000, temperature: 0.2, tools: [weather] };
    const response = await raw(asked);
    expect(response.headers.get('x-rutter-translation')).toContain('temperature');
    expect(bodyOf()).toMatchObject({ inferenceConfig: { temperature: 1 } });
    const forced = await raw({ ...asked, tool_choice: 'required' });
    expect(forced.headers.get('x-rutter-translation')).toContain('reasoning_effort');
    expect(bodyOf()).toMatchObject({ inferenceConfig: { temperature: 0.2 }, toolConfig: { toolChoice: { any: {} } } });
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
