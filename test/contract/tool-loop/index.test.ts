import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type Gateway,
  openAiClient,
  openAiDeployment,
  openAiVendor,
  stall,
  stallStream,
  startGateway,
  startVendor,
  type Vendor,
  type VendorHandler,
  type VendorRequest,
  within,
} from '../../support/index.ts';
import { ledgerRow } from '../ledger.ts';

const usage = { prompt_tokens: 20, completion_tokens: 5 };
const messages = [{ role: 'user' as const, content: 'What do 1, 2 and 3 add up to?' }];
const callAdd = (numbers: readonly number[], id = 'call_1') => ({
  id,
  name: 'add',
  arguments: JSON.stringify({ numbers }),
});
const weather = {
  type: 'function' as const,
  function: { name: 'get_weather', parameters: { type: 'object', properties: {} } },
};
const addTurn = openAiVendor({ toolCalls: [callAdd([1, 2, 3])], usage });
/** Says something ahead of its call, as models like to. */
const chattyTurn = openAiVendor({ reply: 'Let me add. ', toolCalls: [callAdd([1, 2, 3])], usage });
const answerTurn = openAiVendor({ reply: 'They add up to six, I am told.', usage });

let vendor: Vendor;
let notes: Vendor;
let gateway: Gateway;

beforeAll(async () => {
  vendor = await startVendor(answerTurn);
  notes = await startVendor(stall());
  const loop = (as: string, config: object = {}) => ({
    use: import.meta.dirname,
    as,
    for: [as],
    trust: true,
    config: { holdBack: 20, ...config },
  });
  gateway = await startGateway({
    config: {
      model_list: ['looped', 'few-calls', 'few-tokens', 'short', 'plain'].map((group) =>
        openAiDeployment(group, vendor, { input_cost_per_token: 0.000001, output_cost_per_token: 0.000002 }),
      ),
      general_settings: { allowed_addresses: ['127.0.0.0/8'] },
      router_settings: { num_retries: 0 },
      plugins: [
        loop('looped', { notesUrl: notes.url }),
        loop('few-calls', { maxCalls: 3 }),
        loop('few-tokens', { maxTokens: 40 }),
        loop('short', { timeMs: 400 }),
      ],
    },
  });
});
afterAll(() => gateway.stop());

let asked: () => readonly VendorRequest[] = () => [];
/** Answers in turn from now on; `asked` gives the requests since. */
function script(...handlers: VendorHandler[]): void {
  vendor.use(handlers);
  const before = vendor.requests.length;
  asked = () => vendor.requests.slice(before);
}
beforeEach(() => script(answerTurn));

async function complete(model = 'looped', more: object = {}) {
  const created = openAiClient(gateway).chat.completions.create({ model, messages, ...more });
  const { data, request_id: id } = await created.withResponse();
  return { reply: data, id: id as string };
}

interface Streamed {
  text: string;
  readonly calls: string[];
  readonly finishes: string[];
  usage: object | null | undefined;
  firstTextAt: number;
  id: string;
  error: { status?: number; error?: { rutter_code?: string } } | undefined;
}

/** Reads a stream to its end, or to the point where `leave` says so. */
async function stream(model = 'looped', more: object = {}, leave?: (seen: Streamed) => boolean): Promise<Streamed> {
  const seen: Streamed = {
    text: '',
    calls: [],
    finishes: [],
    usage: undefined,
    firstTextAt: 0,
    id: '',
    error: undefined,
  };
  try {
    const { data, request_id: id } = await openAiClient(gateway)
      .chat.completions.create({ model, messages, stream: true, stream_options: { include_usage: true }, ...more })
      .withResponse();
    seen.id = id as string;
    for await (const chunk of data) {
      const [choice] = chunk.choices;
      if (choice?.delta.content) {
        seen.firstTextAt ||= performance.now();
        seen.text += choice.delta.content;
      }
      for (const call of choice?.delta.tool_calls ?? [])
        if (call.function?.name) seen.calls.push(`${call.index} ${call.function.name}`);
      if (choice?.finish_reason) seen.finishes.push(choice.finish_reason);
      if (chunk.usage) seen.usage = chunk.usage;
      if (leave?.(seen)) data.controller.abort();
    }
  } catch (error) {
    seen.error = error as NonNullable<Streamed['error']>;
  }
  return seen;
}

const rolesOf = ({ json }: VendorRequest) =>
  (json as { messages: { role: string; content: string }[] }).messages.map(({ role, content }) => [role, content]);
const toolsOf = ({ json }: VendorRequest) => (json as { tools: { function: { name: string } }[] }).tools;

describe('a whole reply', () => {
  it('is the last turn alone, after as many turns as the model asks tools for', async () => {
    script(chattyTurn, openAiVendor({ toolCalls: [callAdd([4, 5], 'call_2')], usage }), answerTurn);
    const { reply, id } = await complete();
    expect(reply.choices).toHaveLength(1);
    expect(reply.choices[0]).toMatchObject({ finish_reason: 'stop', message: { role: 'assistant' } });
    expect(reply.choices[0]?.message.content).toBe('They add up to six, I am told.');
    expect(reply.choices[0]?.message.tool_calls).toBeUndefined();
    expect(asked()).toHaveLength(3);
    expect(rolesOf(asked()[2] as VendorRequest).slice(1)).toEqual([
      ['assistant', 'Let me add. '],
      ['tool', '6'],
      ['assistant', undefined],
      ['tool', '9'],
    ]);
    expect(reply.usage).toMatchObject({ prompt_tokens: 60, completion_tokens: 15, total_tokens: 75 });
    const row = await ledgerRow(gateway, id);
    expect(row).toMatchObject({ status: 200, ending: 'complete', input_tokens: 60, output_tokens: 15 });
    expect(row.cost_nano_usd).toBe(60 * 1000 + 15 * 2000);
    expect(row.tries).toHaveLength(3);
  });

  it('tells the model what was wrong with its call, and goes on', async () => {
    const bad = openAiVendor({
      toolCalls: [
        { id: 'a', name: 'add', arguments: '{"numbers":' },
        { id: 'b', name: 'add', arguments: '{"numbers":["x"]}' },
      ],
    });
    script(bad, answerTurn);
    const { reply } = await complete();
    expect(reply.choices[0]?.message.content).toBe('They add up to six, I am told.');
    const told = rolesOf(asked()[1] as VendorRequest).filter(([role]) => role === 'tool');
    expect(told).toEqual([
      ['tool', 'The arguments are not valid JSON.'],
      ['tool', 'Found ["x"], expected "numbers" to be an array of numbers.'],
    ]);
  });

  it('hands over calls of the client’s own tools, and those alone', async () => {
    const mixed = openAiVendor({
      toolCalls: [callAdd([1]), { id: 'call_w', name: 'get_weather', arguments: '{"place":"Oslo"}' }],
    });
    script(mixed);
    const { reply } = await complete('looped', { tools: [weather] });
    expect(reply.choices[0]?.finish_reason).toBe('tool_calls');
    expect(reply.choices[0]?.message.tool_calls).toMatchObject([{ id: 'call_w', function: { name: 'get_weather' } }]);
    expect(asked()).toHaveLength(1);
    const names = toolsOf(asked()[0] as VendorRequest).map((tool) => tool.function.name);
    expect(names).toEqual(['get_weather', 'add', 'read_note']);
  });

  it('does not force the same call for ever when the client requires one', async () => {
    script(addTurn, answerTurn);
    await complete('looped', { tools: [weather], tool_choice: 'required' });
    expect(asked().map(({ json }) => json?.tool_choice)).toEqual(['required', 'auto']);
  });

  it('leaves groups alone that it is not for', async () => {
    await complete('plain');
    expect(asked()[0]?.json?.tools).toBeUndefined();
  });
});

describe('a streamed reply', () => {
  it('is the last turn alone, and arrives while the model still speaks', async () => {
    const slow = openAiVendor({
      chunks: Array.from({ length: 20 }, (_, n) => `word${n} `),
      delays: { betweenMs: 20 },
      usage,
    });
    script(chattyTurn, slow);
    const seen = await stream();
    const endedAt = performance.now();
    expect(seen.error).toBeUndefined();
    expect(seen.text).toBe(Array.from({ length: 20 }, (_, n) => `word${n} `).join(''));
    expect(seen.calls).toEqual([]);
    expect(seen.finishes).toEqual(['stop']);
    expect(endedAt - seen.firstTextAt).toBeGreaterThan(150);
    expect(seen.usage).toMatchObject({ prompt_tokens: 40, completion_tokens: 10, total_tokens: 50 });
    const row = await ledgerRow(gateway, seen.id);
    expect(row).toMatchObject({ status: 200, ending: 'complete', input_tokens: 40, output_tokens: 10 });
    expect(row.tries).toHaveLength(2);
  });

  it('hands over calls of the client’s own tools, counted anew', async () => {
    const mixed = openAiVendor({
      toolCalls: [callAdd([1]), { id: 'call_w', name: 'get_weather', arguments: '{}' }],
    });
    script(addTurn, mixed);
    const seen = await stream('looped', { tools: [weather] });
    expect(seen.error).toBeUndefined();
    expect(seen.calls).toEqual(['0 get_weather']);
    expect(seen.finishes).toEqual(['tool_calls']);
    expect(asked()).toHaveLength(2);
  });
});

describe('a loop that does not end by itself', () => {
  const refused = { status: 429, error: expect.objectContaining({ rutter_code: 'ERR_LIMIT_LOOP' }) };

  it('is ended by the number of its calls, whole and streamed', async () => {
    script(addTurn);
    await expect(complete('few-calls')).rejects.toMatchObject(refused);
    expect(asked()).toHaveLength(3);
    expect((await stream('few-calls')).error).toMatchObject(refused);
    expect(asked()).toHaveLength(6);
  });

  it('is ended by its tokens', async () => {
    script(addTurn);
    await expect(complete('few-tokens')).rejects.toMatchObject(refused);
    expect(asked()).toHaveLength(2);
  });

  it('is ended by its time, and the call that runs is closed', async () => {
    for (const run of [() => complete('short').catch((error: unknown) => ({ error })), () => stream('short')]) {
      script(addTurn, stall());
      const begunAt = performance.now();
      expect((await run()) as object).toMatchObject({ error: refused });
      expect(performance.now() - begunAt).toBeLessThan(2000);
      await within('the upstream to be closed', asked()[1]?.closed as Promise<void>, 500);
      expect(asked()).toHaveLength(2);
    }
  });

  it('tells so inside a stream that has begun', async () => {
    const text = { choices: [{ index: 0, delta: { content: 'more than twenty characters of text' } }] };
    script(addTurn, stallStream(`data: ${JSON.stringify(text)}\n\n`));
    const seen = await stream('short');
    expect(seen.text).toBe('more than twenty characters of text');
    expect(seen.error).toMatchObject({ error: { rutter_code: 'ERR_LIMIT_LOOP' } });
    expect(await ledgerRow(gateway, seen.id)).toMatchObject({ ending: 'broke', error_code: 'ERR_LIMIT_LOOP' });
  });
});

describe('a client that leaves', () => {
  it('stops the loop in a later turn and closes the upstream at once', async () => {
    const text = { choices: [{ index: 0, delta: { content: 'more than twenty characters of text' } }] };
    script(addTurn, stallStream(`data: ${JSON.stringify(text)}\n\n`));
    const seen = await stream('looped', {}, ({ text }) => text !== '');
    const leftAt = performance.now();
    await within('the upstream to be closed', asked()[1]?.closed as Promise<void>, 500);
    expect(performance.now() - leftAt).toBeLessThan(500);
    const row = await ledgerRow(gateway, seen.id);
    expect(row).toMatchObject({ status: 499, ending: 'client', error_code: 'ERR_REQUEST_ABORTED' });
    expect(row.tries).toHaveLength(2);
    expect(asked()).toHaveLength(2);
  });

  it.each([true, false])(
    'stops a tool that runs (streamed: %s), and the model is not asked again',
    async (isStream) => {
      script(openAiVendor({ toolCalls: [{ id: 'n', name: 'read_note', arguments: '{"name":"plans"}' }] }));
      const before = notes.requests.length;
      const leaving = new AbortController();
      const id = `left-in-tool-${isStream}`;
      const left = openAiClient(gateway)
        .chat.completions.create(
          { model: 'looped', messages, stream: isStream },
          { signal: leaving.signal, headers: { 'x-request-id': id } },
        )
        .catch((error: unknown) => error);
      const note = (await notes.waitForRequests(before + 1))[before] as VendorRequest;
      expect(note.path).toBe('/plans');
      leaving.abort();
      await within('the tool to be stopped', note.closed, 500);
      await left;
      expect(await ledgerRow(gateway, id)).toMatchObject({ status: 499, ending: 'client' });
      expect(asked()).toHaveLength(1);
    },
  );
});
