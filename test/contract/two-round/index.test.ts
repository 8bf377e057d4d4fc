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
  within,
} from '../../support/index.ts';
import { innerRows, ledgerRow } from '../ledger.ts';

const messages = [{ role: 'user' as const, content: 'Why is the sky blue?' }];
const usage = (prompt: number, completion: number) => ({ prompt_tokens: prompt, completion_tokens: completion });
const draftOf = (text: string, headMs = 0) => openAiVendor({ reply: text, usage: usage(10, 4), delays: { headMs } });
const words = ['Because ', 'blue ', 'light ', 'scatters ', 'most.'];
const writing = openAiVendor({ chunks: words, usage: usage(40, 8), delays: { betweenMs: 40 } });

let one: Vendor;
let two: Vendor;
let writer: Vendor;
let gateway: Gateway;

beforeAll(async () => {
  [one, two, writer] = await Promise.all([startVendor(stall()), startVendor(stall()), startVendor(stall())]);
  const group = (name: string) => [
    // The dearest first: the order of the file must not decide who drafts.
    openAiDeployment(
      name,
      writer,
      { input_cost_per_token: 0.00001, output_cost_per_token: 0.00002 },
      { id: `${name}-writer` },
    ),
    openAiDeployment(
      name,
      one,
      { input_cost_per_token: 0.000001, output_cost_per_token: 0.000002 },
      { id: `${name}-one` },
    ),
    openAiDeployment(
      name,
      two,
      { input_cost_per_token: 0.000001, output_cost_per_token: 0.000003 },
      { id: `${name}-two` },
    ),
  ];
  const rounds = (as: string, config: object = {}) => ({
    use: import.meta.dirname,
    as,
    for: [as],
    trust: true,
    config,
  });
  gateway = await startGateway({
    config: {
      model_list: [
        ...['rounds', 'strict', 'tight', 'wordy', 'dear', 'short'].flatMap(group),
        openAiDeployment('lone', writer),
        openAiDeployment('spare', one),
      ],
      router_settings: { num_retries: 0, disable_cooldowns: true, fallbacks: [{ short: ['spare'] }] },
      plugins: [
        rounds('rounds'),
        rounds('strict', { minDrafts: 2 }),
        rounds('tight', { maxCalls: 2 }),
        rounds('wordy', { maxTokens: 28 }),
        rounds('dear', { maxNanoUsd: 40_000 }),
        rounds('short', { timeMs: 400 }),
        { use: import.meta.dirname, as: 'lone', for: ['lone'], trust: true },
      ],
    },
  });
});
afterAll(() => gateway.stop());

beforeEach(() => {
  one.use(draftOf('It reflects the sea.'));
  two.use(draftOf('Blue scatters more.'));
  writer.use(writing);
});

async function complete(model = 'rounds', more: object = {}) {
  const created = openAiClient(gateway).chat.completions.create({ model, messages, ...more });
  const { data, request_id: id, response } = await created.withResponse();
  return { text: data.choices[0]?.message.content, usage: data.usage, id: id as string, headers: response.headers };
}

async function stream(model = 'rounds', signal?: AbortSignal) {
  const seen = { text: '', usage: undefined as object | null | undefined, id: '', firstTextAt: 0 };
  const { data, request_id: id } = await openAiClient(gateway)
    .chat.completions.create({ model, messages, stream: true, stream_options: { include_usage: true } }, { signal })
    .withResponse();
  seen.id = id as string;
  for await (const { choices, usage: told } of data) {
    const text = choices[0]?.delta.content;
    if (text) seen.firstTextAt ||= performance.now();
    seen.text += text ?? '';
    if (told) seen.usage = told;
  }
  return seen;
}

const counts = () => [one, two, writer].map(({ requests }) => requests.length);
/** How many more requests each vendor has had since. */
const since = (before: readonly number[]) => counts().map((count, index) => count - (before[index] as number));
const lastAsked = (vendor: Vendor) =>
  vendor.requests.at(-1)?.json as { stream?: boolean; messages: { content: string }[] };

describe('two rounds', () => {
  it('ask for two whole drafts at once and stream what the third makes of them', async () => {
    one.use(draftOf('It reflects the sea.', 800));
    two.use(draftOf('Blue scatters more.', 800));
    const before = counts();
    const seen = await stream();
    const endedAt = performance.now();
    expect(since(before)).toEqual([1, 1, 1]);
    const [first, second] = [one, two].map(({ requests }) => requests.at(-1)?.at as number) as [number, number];
    expect(Math.abs(first - second)).toBeLessThan(600);
    expect(endedAt - seen.firstTextAt).toBeGreaterThan(100);
    expect(seen.text).toBe(words.join(''));

    expect([one, two].map((vendor) => lastAsked(vendor).stream ?? false)).toEqual([false, false]);
    expect(lastAsked(writer).stream).toBe(true);
    const told = lastAsked(writer).messages.map(({ content }) => content);
    expect(told[0]).toBe('Why is the sky blue?');
    expect(told[1]).toContain('Draft 1:\nIt reflects the sea.');
    expect(told[1]).toContain('Draft 2:\nBlue scatters more.');
  });

  it('are one request: each call among its tries, tokens and money summed, whole and streamed', async () => {
    for (const { id, usage: told } of [await complete(), await stream()]) {
      expect(told).toMatchObject({ prompt_tokens: 60, completion_tokens: 16, total_tokens: 76 });
      const row = await ledgerRow(gateway, id);
      expect(row).toMatchObject({
        status: 200,
        ending: 'complete',
        input_tokens: 60,
        output_tokens: 16,
        deployment: 'rounds-writer',
      });
      const tries = row.tries as Exclude<typeof row.tries, 1>;
      expect(tries.map(({ deployment }) => deployment).sort()).toEqual(['rounds-one', 'rounds-two', 'rounds-writer']);
      expect(row.cost_nano_usd).toBe(10 * 1000 + 4 * 2000 + 10 * 1000 + 4 * 3000 + 40 * 10_000 + 8 * 20_000);
      expect(row.route).toContain('rounds in 3 calls');
    }
  });

  it('have a row of the ledger for each call, under the id and in the trace of their request', async () => {
    for (const { id } of [await complete(), await stream()]) {
      const row = await ledgerRow(gateway, id);
      const inner = await innerRows(gateway, id);
      expect(inner.map(({ deployment }) => deployment).sort()).toEqual(['rounds-one', 'rounds-two', 'rounds-writer']);
      for (const part of inner)
        expect(part).toMatchObject({ trace_id: row.trace_id, is_part: 1, status: 200, ending: 'complete', tries: 1 });
      const total = (name: 'input_tokens' | 'output_tokens' | 'cost_nano_usd') =>
        inner.reduce((sum, part) => sum + (part[name] ?? 0), 0);
      expect(row).toMatchObject({
        is_part: 0,
        input_tokens: total('input_tokens'),
        output_tokens: total('output_tokens'),
        cost_nano_usd: total('cost_nano_usd'),
      });
    }
    const { id } = await complete();
    const { trace_id: trace } = await ledgerRow(gateway, id);
    for (const vendor of [one, two, writer])
      expect(vendor.requests.at(-1)?.headers.traceparent).toMatch(new RegExp(`^00-${trace}-`));
  });

  it('make do with one draft, or none', async () => {
    one.use(openAiVendor({ status: 500 }));
    const half = await complete();
    expect(half.text).toBe(words.join(''));
    expect(lastAsked(writer).messages[1]?.content).toContain('Draft 1:\nBlue scatters more.');
    expect(lastAsked(writer).messages[1]?.content).not.toContain('Draft 2');
    const row = await ledgerRow(gateway, half.id);
    expect(row).toMatchObject({ status: 200, input_tokens: 50, output_tokens: 12 });
    expect((row.tries as readonly object[]).filter((one) => 'error' in one)).toMatchObject([
      { deployment: 'rounds-one', error: { code: 'ERR_PROVIDER_INTERNAL' } },
    ]);

    two.use(openAiVendor({ status: 503 }));
    expect((await complete()).text).toBe(words.join(''));
    expect(lastAsked(writer).messages).toHaveLength(1);
  });

  it('reply with a draft when the writer fails', async () => {
    writer.use(openAiVendor({ status: 500 }));
    expect((await complete()).text).toBe('It reflects the sea.');
    const seen = await stream();
    expect(seen.text).toBe('It reflects the sea.');
    expect(seen.usage).toMatchObject({ prompt_tokens: 20, completion_tokens: 8 });
  });

  it('are left out for a request with tools and for a group too small', async () => {
    const before = counts();
    await complete('rounds', { tools: [{ type: 'function', function: { name: 'f', parameters: {} } }] });
    await complete('lone');
    expect(since(before)).toEqual([0, 0, 2]);
  });
});

describe('rounds that fail', () => {
  it('give way to plain routing when the plugin throws', async () => {
    one.use(openAiVendor({ status: 500 }));
    for (const ask of [complete, stream]) {
      const before = counts();
      const seen = await ask('strict');
      expect(seen.text).toBe(words.join(''));
      // Both drafts, then the writer with nothing but the question.
      expect(since(before)).toEqual([1, 1, 1]);
      expect(lastAsked(writer).messages).toHaveLength(1);
      const row = await ledgerRow(gateway, seen.id);
      expect(row).toMatchObject({ status: 200, input_tokens: 50, output_tokens: 12 });
      expect(row.tries).toHaveLength(3);
    }
    expect(await gateway.waitForLog(({ name, msg }) => name === 'strict' && msg === 'the plugin failed')).toMatchObject(
      {
        error: expect.stringContaining('Found 1 drafts, expected at least 2.'),
      },
    );
  });

  it.each([
    ['number of calls', 'tight', 'the 2 inner calls'],
    ['tokens', 'wordy', 'the 28 tokens'],
    ['money', 'dear', 'the 40000 nano-dollars'],
  ])('are ended by the %s allowed, with a typed error', async (_what, group, told) => {
    const before = counts();
    for (const ask of [complete, stream])
      await expect(ask(group)).rejects.toMatchObject({
        status: 429,
        message: expect.stringContaining(told),
        error: { rutter_code: 'ERR_LIMIT_LOOP' },
      });
    expect(since(before)).toEqual([2, 2, 0]);
  });

  it('are ended by the time allowed, whichever call it is that hangs, and no fallback prolongs them', async () => {
    const refused = { status: 429, error: { rutter_code: 'ERR_LIMIT_LOOP' } };
    two.use(stall());
    const before = counts();
    await expect(complete('short')).rejects.toMatchObject(refused);
    await within('the draft to be closed', two.requests.at(-1)?.closed as Promise<void>, 500);
    expect(since(before)).toEqual([1, 1, 0]);

    two.use(draftOf('Blue scatters more.'));
    writer.use(stall());
    await expect(stream('short')).rejects.toMatchObject(refused);
    await within('the writer to be closed', writer.requests.at(-1)?.closed as Promise<void>, 500);
    expect(since(before)).toEqual([2, 2, 1]);
  });
});

describe('a client that leaves', () => {
  it('closes both drafts, and nobody is asked to write', async () => {
    one.use(stall());
    two.use(stall());
    const before = counts();
    const leaving = new AbortController();
    const left = stream('rounds', leaving.signal).catch((error: unknown) => error);
    await Promise.all([one.waitForRequests((before[0] as number) + 1), two.waitForRequests((before[1] as number) + 1)]);
    leaving.abort();
    await left;
    const closed = [one, two].map(({ requests }) => requests.at(-1)?.closed);
    await within('the drafts to be closed', Promise.all(closed), 500);
    expect(since(before)).toEqual([1, 1, 0]);
  });

  it('closes the writer in the middle of its words', async () => {
    writer.use(stallStream(`data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: 'Because ' } }] })}\n\n`));
    const { data, request_id: id } = await openAiClient(gateway)
      .chat.completions.create({ model: 'rounds', messages, stream: true })
      .withResponse();
    for await (const { choices } of data) if (choices[0]?.delta.content) data.controller.abort();
    await within('the writer to be closed', writer.requests.at(-1)?.closed as Promise<void>, 500);
    expect(await ledgerRow(gateway, id as string)).toMatchObject({ status: 499, ending: 'client' });
  });
});
