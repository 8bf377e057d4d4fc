/** Loops of tools over several turns, and replies that the SDK parses itself, from both vendors. */
import { z } from '@rutter/plugin-sdk';
import type OpenAI from 'openai';
import { ContentFilterFinishReasonError, LengthFinishReasonError } from 'openai/error';
import { zodResponseFormat } from 'openai/helpers/zod';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openAiClient } from '../support/index.ts';
import { askedOfAnthropic, usualSignature as signature } from './anthropic-side.ts';
import { askWhole, type Chat, chunksOf, toldIn, user } from './client.ts';
import { askedOfOpenAi } from './openai-side.ts';
import { clock, paris, rome, tokens, turn, weather } from './scenarios.ts';
import { type Fields, fieldsOf, listOf, type Truth } from './truth.ts';
import { startWire, type Wire } from './vendors.ts';

const time = { id: 'call_time_3', name: 'get_time', input: {} };

/** What the model says next, by the turns it has had. */
const loop: readonly Truth[] = [
  { text: 'I will look. ', calls: [paris, rome], finish: 'tool_calls', tokens },
  { calls: [time], finish: 'tool_calls', tokens },
  { text: 'Mild in Paris, warm in Rome, at noon.', finish: 'stop', tokens },
];

const thoughtful: readonly Truth[] = [
  { reasoning: 'I need the weather.', calls: [paris], finish: 'tool_calls', tokens },
  { text: 'Mild.', finish: 'stop', tokens },
];

const shapes: Readonly<Record<string, Truth>> = {
  shaped: { text: '{"city":"Paris","degrees":18.5}', finish: 'stop', tokens },
  cut: { text: '{"city":"Par', finish: 'length', tokens },
  filtered: { text: '{}', finish: 'content_filter', tokens },
};

const turnsHad = (body: Fields) => listOf(body.messages).filter(({ role }) => role === 'assistant').length;

let wire: Wire;
beforeAll(async () => {
  wire = await startWire((model, body) => {
    if (model === 'loop') return loop[turnsHad(body)];
    return model === 'thoughtful' ? thoughtful[turnsHad(body)] : shapes[model];
  });
});
afterAll(() => wire?.gateway.stop());

const vendors = [
  { name: 'OpenAI', prefix: 'oa', asked: () => wire.openAi.requests.map(({ json }) => askedOfOpenAi(json ?? {})) },
  {
    name: 'Anthropic',
    prefix: 'an',
    asked: () => wire.anthropic.requests.map(({ json }) => askedOfAnthropic(json ?? {})),
  },
];

/** Tools as the SDK runs them, and the inputs they were run with. */
function runnable() {
  const runs: unknown[] = [];
  const tools = [weather, clock].map(({ function: { name, parameters } }) => ({
    type: 'function' as const,
    function: {
      name,
      description: `Runs ${name}.`,
      parameters,
      parse: (text: string) => JSON.parse(text) as object,
      function(input: object) {
        runs.push({ name, input });
        return `${name} of ${JSON.stringify(input)}`;
      },
    },
  }));
  return { tools, runs };
}

const ran = [paris, rome, time].map(({ name, input }) => ({ name, input }));
const answered = ({ id, name, input }: typeof time) => ({ id, text: `${name} of ${JSON.stringify(input)}` });

const conversation = [
  turn('user', { text: 'Where is it warm?' }),
  turn('assistant', { text: 'I will look. ', calls: [paris, rome] }),
  turn('user', { results: [answered(paris), answered(rome)] }),
  turn('assistant', { calls: [time] }),
  turn('user', { results: [answered(time)] }),
];

describe.each(vendors)('$name', ({ prefix, asked }) => {
  it('is led through a loop of tools by the SDK, whole', async () => {
    const { tools, runs } = runnable();
    const runner = openAiClient(wire.gateway).chat.completions.runTools({
      model: `${prefix}/loop`,
      messages: [user('Where is it warm?')],
      tools,
    });
    expect(await runner.finalContent()).toBe(loop[2]?.text);
    expect(runs).toEqual(ran);
    expect(asked().at(-1)?.turns).toEqual(conversation);
    expect((await runner.totalUsage()).total_tokens).toBe(3 * (tokens.prompt + tokens.completion));
  });

  it('is led through a loop of tools by the SDK, streamed', async () => {
    const { tools, runs } = runnable();
    const contents: string[] = [];
    const runner = openAiClient(wire.gateway)
      .chat.completions.runTools({
        model: `${prefix}/loop`,
        messages: [user('Where is it warm?')],
        tools,
        stream: true,
      })
      .on('content', (delta) => contents.push(delta));
    expect(await runner.finalContent()).toBe(loop[2]?.text);
    expect(contents.join('')).toBe(`${loop[0]?.text}${loop[2]?.text}`);
    expect(runs).toEqual(ran);
    expect(asked().at(-1)?.turns).toEqual(conversation);
  });

  it.each(['whole', 'streamed'] as const)('is given back its reasoning as it was, read %s', async (mode) => {
    const client = openAiClient(wire.gateway);
    const chat = { messages: [user('Weather?')], tools: [weather], reasoning_effort: 'low' as const };
    const model = `${prefix}/thoughtful`;
    const message =
      mode === 'whole' ? await wholeMessage(client, model, chat) : await streamedMessage(client, model, chat);
    const history = [...chat.messages, message, { role: 'tool', tool_call_id: paris.id, content: '18 °C' }];
    expect(await askWhole(client, model, { ...chat, messages: history } as Chat)).toMatchObject({ text: 'Mild.' });
    if (prefix === 'oa') return;
    const body = wire.anthropic.requests.at(-1)?.json ?? {};
    const [, said] = listOf(body.messages);
    expect(said?.content).toEqual([
      { type: 'thinking', thinking: 'I need the weather.', signature },
      { type: 'tool_use', id: paris.id, name: paris.name, input: paris.input },
    ]);
    expect(body.thinking).toMatchObject({ type: 'enabled' });
  });

  const shape = z.object({ city: z.string(), degrees: z.number() });
  const response_format = zodResponseFormat(shape, 'weather');
  const messages = [user('As JSON.')];

  it('answers in a zod shape that the SDK parses, whole and streamed', async () => {
    const { completions } = openAiClient(wire.gateway).chat;
    const body = { model: `${prefix}/shaped`, messages, response_format };
    const parsed = { city: 'Paris', degrees: 18.5 };
    expect((await completions.parse(body)).choices[0]?.message.parsed).toEqual(parsed);
    const final = await completions.stream(body).finalChatCompletion();
    expect(final.choices[0]?.message.parsed).toEqual(parsed);
    expect(asked().at(-1)?.schema).toMatchObject({ type: 'object', required: ['city', 'degrees'] });
  });

  it('tells the SDK that a shape was cut', async () => {
    const { completions } = openAiClient(wire.gateway).chat;
    const cut = completions.parse({ model: `${prefix}/cut`, messages, response_format });
    await expect(cut).rejects.toThrow(LengthFinishReasonError);
  });

  it('tells the SDK that a reply was filtered', async () => {
    const { completions } = openAiClient(wire.gateway).chat;
    const filtered = completions.parse({ model: `${prefix}/filtered`, messages });
    await expect(filtered).rejects.toThrow(ContentFilterFinishReasonError);
  });
});

async function wholeMessage(client: OpenAI, model: string, chat: Chat): Promise<object> {
  const reply = await client.chat.completions.create({ ...chat, model });
  return reply.choices[0]?.message ?? {};
}

/** The message as a client puts it together that knows the extra fields of its deltas. */
async function streamedMessage(client: OpenAI, model: string, chat: Chat): Promise<object> {
  const chunks = await chunksOf(client, model, chat);
  const { calls } = toldIn(chunks);
  const blocks = chunks.flatMap((chunk) =>
    chunk.choices.flatMap(({ delta }) => listOf(fieldsOf(delta).thinking_blocks)),
  );
  return {
    role: 'assistant',
    content: null,
    ...(blocks.length > 0 && { thinking_blocks: blocks }),
    tool_calls: calls.map(({ id, name, input }) => ({
      id,
      type: 'function',
      function: { name, arguments: JSON.stringify(input) },
    })),
  };
}
