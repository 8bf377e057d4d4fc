/** What else is in Gemini's messages: files in every form, signed texts, pictures, searches, several replies. */
import type OpenAI from 'openai';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Gateway, openAiClient, sendJson, startGateway, startVendor, type Vendor } from '../support/index.ts';
import { type Chat, user } from './client.ts';
import { calledBy, contentsOf, faultsOf, googleError, signature, spelled } from './gemini-side.ts';
import { weather } from './scenarios.ts';
import { type Fields, fieldsOf } from './truth.ts';
import { once } from './vendors.ts';

const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const pdf = Buffer.from('%PDF-1.7\n%%EOF\n').toString('base64');
const usage = { promptTokenCount: 9, candidatesTokenCount: 3, totalTokenCount: 12 };

let vendor: Vendor;
let images: Vendor;
let gateway: Gateway;
let client: OpenAI;
/** What the model says; streams tell it candidate by candidate. */
let candidates: readonly Fields[];
let more: Fields;

beforeEach(() => {
  candidates = [{ content: { role: 'model', parts: [{ text: 'Seen.' }] }, finishReason: 'STOP', index: 0 }];
  more = {};
});

beforeAll(async () => {
  images = await startVendor(({ response }) =>
    response.writeHead(200, { 'content-type': 'image/png' }).end(Buffer.from(pixel, 'base64')),
  );
  vendor = await startVendor(({ request, response }) => {
    const { model, method } = calledBy(request.path);
    const faults = faultsOf(request.json ?? {}, model);
    if (faults.length > 0) return sendJson(response, 400, googleError(400, 'INVALID_ARGUMENT', faults.join('\n')));
    const whole = { candidates, usageMetadata: usage, modelVersion: model, responseId: 'r-1', ...more };
    if (method === 'generateContent') return sendJson(response, 200, whole);
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const candidate of candidates)
      response.write(`data: ${JSON.stringify({ ...whole, candidates: [candidate] })}\r\n\r\n`);
    return response.end();
  });
  gateway = await startGateway({
    config: {
      model_list: [{ model_name: '*', litellm_params: { model: 'gemini/*', api_base: vendor.url, api_key: 'k' } }],
      router_settings: once,
      general_settings: { allowed_addresses: ['127.0.0.1'] },
    },
  });
  client = openAiClient(gateway);
});
afterAll(() => gateway?.stop());

const ask = (messages: readonly object[], change: object = {}, model = 'gemini-3-flash') =>
  client.chat.completions.create({ ...change, model, messages } as unknown as Chat & { model: string });
const sent = () => contentsOf(vendor.requests.at(-1)?.json ?? {});
const partsFor = async (...content: object[]) => {
  await ask([{ role: 'user', content }]);
  return sent()[0]!.parts;
};

describe('a file', () => {
  const image = (url: string, rest: object = {}) => ({ type: 'image_url', image_url: { url, ...rest } });
  const file = (found: object) => ({ type: 'file', file: found });
  const inline = (mime_type: string, data: string) => ({ inlineData: { mime_type, data } });
  const place = (file_uri: string, mime_type?: string) => ({
    fileData: { ...(mime_type && { mime_type }), file_uri },
  });

  it('inside the request stays inside it', async () => {
    expect(
      await partsFor(
        image(`data:image/png;base64,${pixel}`),
        image(`data:application/pdf;base64,${pdf}`),
        file({ file_data: `data:application/pdf;base64,${pdf}`, filename: 'a.pdf' }),
        { type: 'input_audio', input_audio: { data: pixel, format: 'mp3' } },
        { type: 'video_url', video_url: { url: `data:video/mp4;base64,${pixel}` } },
      ),
    ).toEqual([
      inline('image/png', pixel),
      inline('application/pdf', pdf),
      inline('application/pdf', pdf),
      inline('audio/mp3', pixel),
      inline('video/mp4', pixel),
    ]);
  });

  it('by address is fetched by the gateway', async () => {
    expect(await partsFor(image(`${images.url}/a.png`))).toEqual([inline('image/png', pixel)]);
    expect(images.requests).toHaveLength(1);
  });

  it('that Google holds itself stays an address, with the kind it is known to have', async () => {
    const uploaded = 'https://generativelanguage.googleapis.com/v1beta/files/abc';
    expect(
      await partsFor(
        image('gs://bucket/a.jpg'),
        image('gs://bucket/b', { format: 'image/webp' }),
        file({ file_id: uploaded, format: 'video/mp4' }),
        file({ file_id: 'https://www.youtube.com/watch?v=1', video_metadata: { fps: 5 } }),
      ),
    ).toEqual([
      place('gs://bucket/a.jpg', 'image/jpeg'),
      place('gs://bucket/b', 'image/webp'),
      place(uploaded, 'video/mp4'),
      { ...place('https://www.youtube.com/watch?v=1'), videoMetadata: { fps: 5 } },
    ]);
    expect(images.requests).toHaveLength(1);
  });

  it('of another vendor’s store is refused by its place', async () => {
    await expect(ask([{ role: 'user', content: [file({ file_id: 'file-abc123' })] }])).rejects.toMatchObject({
      status: 400,
      param: 'messages[0].content[0]',
    });
  });

  it('that a tool shows follows all the answers', async () => {
    const call = (id: string) => ({ id, type: 'function', function: { name: 'look', arguments: '{}' } });
    await ask([
      user('Look.'),
      { role: 'assistant', tool_calls: [call('a'), call('b')] },
      {
        role: 'tool',
        tool_call_id: 'a',
        content: [{ type: 'text', text: 'this' }, image(`data:image/png;base64,${pixel}`)],
      },
      { role: 'tool', tool_call_id: 'b', content: '[1]' },
      user('So?'),
    ]);
    expect(sent().at(-1)?.parts).toEqual([
      { functionResponse: { name: 'look', response: { output: 'this' } } },
      { functionResponse: { name: 'look', response: { output: [1] } } },
      inline('image/png', pixel),
      { text: 'So?' },
    ]);
  });
});

it('carries what is long, wherever it stands', async () => {
  const long = (letter: string) => letter.repeat(100_000);
  const bytes = Buffer.concat([Buffer.from(pixel, 'base64'), Buffer.alloc(90_000)]).toString('base64');
  const call = (id: string, value: string) => ({
    id,
    type: 'function',
    function: { name: 'f', arguments: JSON.stringify({ value }) },
  });
  await ask([
    { role: 'system', content: long('s') },
    { role: 'user', content: [{ type: 'image_url', image_url: { url: `data:image/png;base64,${bytes}` } }] },
    { role: 'assistant', content: long('a'), tool_calls: [call('1', long('c')), call('2', 'd')] },
    {
      role: 'tool',
      tool_call_id: '1',
      content: [
        { type: 'text', text: 'first' },
        { type: 'text', text: long('t') },
      ],
    },
    { role: 'tool', tool_call_id: '2', content: long('u') },
  ]);
  const [user, model, answers] = sent();
  expect(spelled(vendor.requests.at(-1)?.json).systemInstruction).toEqual({ parts: [{ text: long('s') }] });
  expect(user?.parts).toEqual([{ inlineData: { mime_type: 'image/png', data: bytes } }]);
  expect(model?.parts.slice(0, 2)).toMatchObject([
    { text: long('a') },
    { functionCall: { name: 'f', args: { value: long('c') } } },
  ]);
  expect(answers?.parts).toEqual([
    { functionResponse: { name: 'f', response: { output: `first\n${long('t')}` } } },
    { functionResponse: { name: 'f', response: { output: long('u') } } },
  ]);
});

it('joins turns of one role, sets the system prompt apart, and opens with the user', async () => {
  await ask([
    { role: 'system', content: 'Be brief.' },
    { role: 'assistant', content: 'I begin.' },
    user('A'),
    user('B'),
    { role: 'developer', content: 'In French.' },
  ]);
  expect(sent()).toEqual([
    { role: 'user', parts: [{ text: ' ' }] },
    { role: 'model', parts: [{ text: 'I begin.' }] },
    { role: 'user', parts: [{ text: 'A' }, { text: 'B' }] },
  ]);
  expect(spelled(vendor.requests.at(-1)?.json).systemInstruction).toEqual({
    parts: [{ text: 'Be brief.' }, { text: 'In French.' }],
  });
});

it('gives the signature of a text back where it stood, from a whole reply and from a stream', async () => {
  const parts = [{ text: 'Hm.', thought: true }, { text: 'Good day' }, { text: '', thoughtSignature: signature }];
  candidates = [{ content: { parts }, finishReason: 'STOP' }];
  const whole = (await ask([user('Hello.')])).choices[0]!.message as unknown as Fields;
  expect(whole).toMatchObject({ content: 'Good day', reasoning_content: 'Hm.' });
  const stream = await client.chat.completions.create({
    model: 'gemini-3-flash',
    messages: [user('Hello.')],
    stream: true,
  });
  const blocks: unknown[] = [];
  for await (const { choices } of stream)
    blocks.push(...(((choices[0]?.delta as Fields | undefined)?.thinking_blocks as unknown[] | undefined) ?? []));
  for (const thinking of [whole.thinking_blocks, blocks]) {
    await ask([user('Hello.'), { role: 'assistant', content: 'Good day', thinking_blocks: thinking }, user('And?')]);
    expect(sent()[1]).toEqual({ role: 'model', parts: [{ text: 'Good day', thoughtSignature: signature }] });
  }
});

it('shows pictures, and gives them back signed', async () => {
  const drawn = { inlineData: { mimeType: 'image/png', data: pixel }, thoughtSignature: signature };
  const draft = { inlineData: { mimeType: 'image/png', data: 'AAAA' }, thought: true };
  candidates = [{ content: { parts: [draft, { text: 'Here:' }, drawn] }, finishReason: 'STOP' }];
  const request = { modalities: ['text', 'image'] };
  const { message } = (await ask([user('Draw.')], request)).choices[0]!;
  expect(fieldsOf(vendor.requests.at(-1)!.json!.generationConfig).responseModalities).toEqual(['TEXT', 'IMAGE']);
  const shown = [
    { type: 'image_url', index: 0, image_url: { url: `data:image/png;base64,${pixel}` }, thought_signature: signature },
  ];
  expect(message).toMatchObject({ content: 'Here:', images: shown });
  await ask([user('Draw.'), message, user('Larger.')]);
  expect(sent()[1]?.parts).toEqual([
    { text: 'Here:' },
    { inlineData: { mime_type: 'image/png', data: pixel }, thoughtSignature: signature },
  ]);
  const stream = await client.chat.completions.create({ model: 'g', messages: [user('Draw.')], stream: true });
  const streamed: unknown[] = [];
  for await (const { choices } of stream) {
    const { images: found = [] } = (choices[0]?.delta ?? {}) as { images?: unknown[] };
    streamed.push(...found);
  }
  expect(streamed).toEqual(shown);
});

it('tells on what a searched answer rests, in characters', async () => {
  const groundingMetadata = {
    webSearchQueries: ['q'],
    groundingChunks: [{ web: { uri: 'https://a.example', title: 'A' } }],
    groundingSupports: [{ segment: { startIndex: 6, endIndex: 11, text: 'naïf' }, groundingChunkIndices: [0, 7] }],
  };
  candidates = [{ content: { parts: [{ text: '日本naïf!' }] }, finishReason: 'STOP', groundingMetadata }];
  const { message } = (await ask([user('?')], { web_search_options: {}, tools: [weather] })).choices[0]!;
  expect(vendor.requests.at(-1)?.json?.tools).toEqual([
    { function_declarations: [expect.objectContaining({ name: 'get_weather' })] },
    { googleSearch: {} },
  ]);
  expect(message).toMatchObject({
    annotations: [
      { type: 'url_citation', url_citation: { start_index: 2, end_index: 6, url: 'https://a.example', title: 'A' } },
    ],
    provider_specific_fields: { groundingMetadata },
  });
});

it('tells each of several replies, with the probabilities of their tokens', async () => {
  const logprobsResult = {
    chosenCandidates: [{ token: 'é', logProbability: -0.1 }],
    topCandidates: [
      {
        candidates: [
          { token: 'é', logProbability: -0.1 },
          { token: 'e', logProbability: -2 },
        ],
      },
    ],
  };
  candidates = [1, 0].map((index) => ({
    index,
    content: { parts: [{ text: `Reply ${index}` }] },
    finishReason: 'STOP',
    logprobsResult,
  }));
  const reply = await ask([user('?')], { n: 2, logprobs: true, top_logprobs: 2 });
  expect(fieldsOf(vendor.requests.at(-1)!.json!.generationConfig).candidateCount).toBe(2);
  expect(reply.choices.map(({ index, message }) => [index, message.content])).toEqual([
    [0, 'Reply 0'],
    [1, 'Reply 1'],
  ]);
  expect(reply.choices[0]?.logprobs?.content).toEqual([
    {
      token: 'é',
      logprob: -0.1,
      bytes: [195, 169],
      top_logprobs: [
        { token: 'é', logprob: -0.1, bytes: [195, 169] },
        { token: 'e', logprob: -2, bytes: [101] },
      ],
    },
  ]);
  const stream = await client.chat.completions.create({ model: 'g', messages: [user('?')], n: 2, stream: true });
  const texts = ['', ''];
  for await (const { choices } of stream) for (const { index, delta } of choices) texts[index] += delta.content ?? '';
  expect(texts).toEqual(['Reply 0', 'Reply 1']);
});

it.each([
  ['MAX_TOKENS', 'length'],
  ['SAFETY', 'content_filter'],
  ['RECITATION', 'content_filter'],
  ['IMAGE_SAFETY', 'content_filter'],
  ['LANGUAGE', 'content_filter'],
  ['MALFORMED_FUNCTION_CALL', 'stop'],
  ['A_REASON_OF_TOMORROW', 'stop'],
])('ends a reply of reason %s as %s', async (finishReason, finish) => {
  candidates = [{ finishReason, finishMessage: 'why' }];
  const [choice] = (await ask([user('?')])).choices;
  expect(choice).toMatchObject({ finish_reason: finish, message: { content: '' } });
  expect(choice?.message).toMatchObject({ provider_specific_fields: { finishMessage: 'why' } });
});

it('takes Google’s own tools and names of allowed functions', async () => {
  const other = { ...weather, function: { ...weather.function, name: 'other' } };
  const allow = (mode: string) => ({
    type: 'allowed_tools',
    allowed_tools: { mode, tools: [{ type: 'function', function: { name: 'other' } }] },
  });
  const declared = () => {
    const [first] = vendor.requests.at(-1)!.json!.tools as { function_declarations: { name: string }[] }[];
    return first!.function_declarations.map(({ name }) => name);
  };
  const chosen = () => vendor.requests.at(-1)!.json!.toolConfig;
  await ask([user('?')], { tools: [weather, other], tool_choice: allow('required') });
  expect(declared()).toEqual(['get_weather', 'other']);
  expect(chosen()).toEqual({ functionCallingConfig: { mode: 'ANY', allowed_function_names: ['other'] } });
  await ask([user('?')], { tools: [weather, other], tool_choice: allow('auto') });
  expect(declared()).toEqual(['other']);
  expect(chosen()).toEqual({ functionCallingConfig: { mode: 'AUTO' } });
  await ask([user('?')], { tools: [weather], tool_choice: { type: 'function', function: { name: 'get_weather' } } });
  expect(chosen()).toEqual({ functionCallingConfig: { mode: 'ANY', allowed_function_names: ['get_weather'] } });
});

describe('a schema', () => {
  const schema = { type: 'object', properties: { degrees: { type: 'integer' } }, required: ['degrees'] };
  const format = { response_format: { type: 'json_schema', json_schema: { name: 'a', schema } } };
  const answering = (...parts: object[]) => {
    candidates = [{ content: { parts }, finishReason: 'STOP' }];
  };

  it('is a parameter of the vendor’s own', async () => {
    answering({ text: '{"degrees":4}' });
    for (const model of ['gemini-3-flash', 'gemini-2.5-flash']) {
      expect((await ask([user('?')], format, model)).choices[0]?.message.content).toBe('{"degrees":4}');
      expect(vendor.requests.at(-1)?.json?.generationConfig).toEqual({
        response_mime_type: 'application/json',
        response_json_schema: schema,
      });
    }
  });

  it('is that of a tool where functions stand beside it, before Gemini 3', async () => {
    answering({ functionCall: { name: 'json_tool_call', args: { degrees: 4 } } });
    const reply = await ask([user('?')], { ...format, tools: [weather] }, 'gemini-2.5-flash');
    expect(reply.choices[0]).toMatchObject({ finish_reason: 'stop', message: { content: '{"degrees":4}' } });
    const { generationConfig, tools, toolConfig } = vendor.requests.at(-1)!.json!;
    expect(generationConfig).toBeUndefined();
    expect(toolConfig).toEqual({ functionCallingConfig: { mode: 'ANY' } });
    expect(JSON.stringify(tools)).toContain('"json_tool_call"');
  });

  it('is told in words to Gemma, by the user’s mouth', async () => {
    answering({ text: '```json\n{"degrees":4}\n```' });
    const reply = await ask([user('How warm?')], format, 'gemma-3-27b-it');
    expect(reply.choices[0]?.message.content).toBe('{"degrees":4}');
    const { generationConfig, systemInstruction } = spelled(vendor.requests.at(-1)?.json);
    expect([generationConfig, systemInstruction]).toEqual([undefined, undefined]);
    expect(JSON.stringify(sent())).toContain('It has to fit this JSON Schema');
  });
});
