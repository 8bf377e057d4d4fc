/** A stream that fails: before its first content as if it were none, after it in the open; and one that its reader leaves. */
import { describe, expect, it } from 'vitest';
import { ledgerRow } from '../contract/ledger.ts';
import { cutStream, openAiDeployment, readEvents, stall, startGateway, until } from '../support/index.ts';
import { ask, askOften, chunk, fleet, leave, type Seat, tally } from './router-support.ts';

const names = ['early', 'held', 'fallen', 'denied', 'quiet', 'late', 'said', 'torn', 'unfinished', 'alone', 'kept'];
const v: Record<string, Seat> = await fleet(...names, 'left', 'waited', 'whole', 'billed', 'good', 'stand-in');
const seat = (name: string) => v[name] as Seat;

const role = chunk({ role: 'assistant', content: '' });
const words = chunk({ content: 'once upon ' }) + chunk({ content: 'a time' });
const prices = { input_cost_per_token: 0.000001, output_cost_per_token: 0.000002 };
/** The failing one goes first: its weight is overwhelming. */
const pair = (name: string) => [
  openAiDeployment(name, seat(name), { weight: 1e12, ...prices }, { id: `${name}-1` }),
  openAiDeployment(name, seat('good'), { weight: 1e-6, ...prices }),
];
const lone = (name: string) => openAiDeployment(name, seat(name), prices, { id: `${name}-1` });

const gateway = await startGateway({
  config: {
    model_list: [
      ...['early', 'held', 'quiet', 'late', 'said', 'torn', 'unfinished', 'kept'].flatMap(pair),
      ...['fallen', 'denied', 'alone', 'left', 'waited', 'whole', 'billed', 'stand-in'].map(lone),
    ],
    router_settings: {
      num_retries: 1,
      cooldown_time: 30,
      fallbacks: [{ fallen: ['stand-in'] }, { late: ['stand-in'] }],
    },
    general_settings: { retry_budget: 100 },
  },
});
const stream = { body: { stream: true } };
const errorEvent = (code: string | number) => `data: ${JSON.stringify({ error: { message: 'it broke', code } })}\n\n`;
const vendorSends = (name: string, text: string, manner: 'reset' | 'close' | 'end' = 'end') =>
  seat(name).use(cutStream(text, Buffer.byteLength(text), manner));

describe('before the first content', () => {
  it('tries another deployment when the stream begins with an error', async () => {
    vendorSends('early', errorEvent(500));
    const answer = await ask(gateway, 'early', stream);
    expect(answer.status).toBe(200);
    expect(answer.said).toBe('good');
    expect(answer.text).not.toContain('it broke');
    expect(answer.headers.get('x-litellm-attempted-retries')).toBe('1');
    expect(readEvents(answer.text).at(-1)?.data).toBe('[DONE]');
  });

  it('holds chunks with nothing but a role back, so that nothing of the first try shows', async () => {
    vendorSends('held', role + role, 'reset');
    const answer = await ask(gateway, 'held', stream);
    expect(answer.said).toBe('good');
    expect(answer.text.match(/"role":"assistant"/g)).toHaveLength(1);
    expect(answer.text).not.toContain('"id":"c"');
    expect(seat('held').calls()).toBe(1);
  });

  it('falls back to another group', async () => {
    vendorSends('fallen', role);
    const answer = await ask(gateway, 'fallen', stream);
    expect(answer.said).toBe('stand-in');
    expect(answer.model).toBe('stand-in');
    expect(answer.headers.get('x-litellm-attempted-fallbacks')).toBe('1');
  });

  it('honours disable_fallbacks', async () => {
    const before = seat('stand-in').calls();
    const answer = await ask(gateway, 'fallen', { body: { stream: true, disable_fallbacks: true } });
    expect(answer.status).toBe(502);
    expect(seat('stand-in').calls()).toBe(before);
  });

  it("answers with the vendor's status and a JSON error, not with a stream", async () => {
    seat('denied').plays({ status: 422 });
    const answer = await ask(gateway, 'denied', stream);
    expect(answer.status).toBe(422);
    expect(answer.headers.get('content-type')).toContain('application/json');
    expect(answer.error).toMatchObject({ code: '422', message: 'simulated failure 422' });
  });

  it('takes an error that comes as JSON under a 200 for the error that it is', async () => {
    seat('quiet').plays({ failures: [{ status: 200, body: { error: { message: 'slow down', code: 429 } } }] });
    expect((await ask(gateway, 'quiet', stream)).said).toBe('good');
    seat('denied').plays({ failures: [{ status: 200, body: { error: { message: 'no', code: 403 } } }] });
    expect((await ask(gateway, 'denied', stream)).status).toBe(403);
  });
});

describe('after the first content', () => {
  /** What a stream ends with when it broke: exactly one error, and nothing that says it is complete. */
  async function breaks(name: string): Promise<{ message: string; code: string }> {
    const [before, others] = [seat(name).calls(), seat('good').calls() + seat('stand-in').calls()];
    const answer = await ask(gateway, name, stream);
    expect(answer.status).toBe(200);
    expect(answer.said).toBe('once upon a time');
    const events = readEvents(answer.text).map(({ data }) => data);
    expect(events).not.toContain('[DONE]');
    expect(events.filter((data) => data.includes('"error"'))).toHaveLength(1);
    expect(seat(name).calls() - before).toBe(1);
    expect(seat('good').calls() + seat('stand-in').calls()).toBe(others);
    return (JSON.parse(events.at(-1) ?? '') as { error: { message: string; code: string } }).error;
  }

  it('ends with one error when the connection is lost, and tries nobody else', async () => {
    vendorSends('late', role + words, 'reset');
    expect((await breaks('late')).code).toBe('502');
  });

  it("ends with the vendor's own error when that comes in the stream", async () => {
    vendorSends('said', role + words + errorEvent(503));
    expect(await breaks('said')).toMatchObject({ code: '503', message: 'it broke' });
  });

  it('ends with one error when a chunk cannot be read', async () => {
    vendorSends('torn', `${role + words}data: {"id":\n\n`);
    expect((await breaks('torn')).code).toBe('502');
  });

  it('ends with one error when the vendor stops without having finished', async () => {
    vendorSends('unfinished', role + words);
    expect((await breaks('unfinished')).message).toContain('before the reply was complete');
  });

  it('leaves the deployment alone for a while where another is there', async () => {
    const line = await gateway.waitForLog(({ deployment }) => deployment === 'late-1');
    expect(line.reason).toBe('a stream broke off');
    for (const name of ['late', 'said', 'torn', 'unfinished'])
      expect(tally(await askOften(gateway, name, 4))).toEqual({ good: 4 });
  });

  it('goes on with a deployment that stands alone', async () => {
    vendorSends('alone', role + words, 'reset');
    await breaks('alone');
    seat('alone').plays({});
    expect((await ask(gateway, 'alone')).said).toBe('alone');
  });

  it('bills what was produced until then', async () => {
    vendorSends('billed', role + words, 'reset');
    const { headers } = await ask(gateway, 'billed', stream);
    const row = await ledgerRow(gateway, headers.get('x-litellm-call-id') ?? '');
    expect(row).toMatchObject({
      ending: 'broke',
      status: 200,
      deployment: 'billed-1',
      error_code: 'ERR_PROVIDER_STREAM',
    });
    expect(row.output_tokens).toBe(Math.ceil('once upon a time'.length / 4));
    expect(row.cost_nano_usd).toBe(Number(row.input_tokens) * 1000 + Number(row.output_tokens) * 2000);
  });
});

describe('a client that leaves', () => {
  const endless = { chunks: Array.from({ length: 400 }, () => 'drip drip '), delays: { betweenMs: 20 } };

  it('closes the call to the vendor at once', async () => {
    seat('left').plays(endless);
    const leftAt = await leave(gateway, 'left', { after: 'drip', id: 'left-one' });
    const request = seat('left').requests.at(-1);
    await request?.closed;
    expect(request?.abortedAt).toBeDefined();
    expect((request?.abortedAt ?? 0) - leftAt).toBeLessThan(500);
  });

  it('is billed for what had been produced', async () => {
    const row = await ledgerRow(gateway, 'left-one');
    expect(row).toMatchObject({ ending: 'client', status: 499, deployment: 'left-1' });
    expect(row.input_tokens).toBeGreaterThanOrEqual(3);
    expect(row.output_tokens).toBeGreaterThanOrEqual(3);
    expect(row.cost_nano_usd).toBe(Number(row.input_tokens) * 1000 + Number(row.output_tokens) * 2000);
  });

  it('says nothing against the deployment', async () => {
    seat('kept').plays(endless);
    for (let count = 0; count < 6; count++) await leave(gateway, 'kept', { after: 'drip', id: `kept-${count}` });
    await until('the last row', () => ledgerRow(gateway, 'kept-5'));
    seat('kept').plays({});
    expect(tally(await askOften(gateway, 'kept', 4))).toEqual({ kept: 4 });
  });

  it('closes the call to the vendor before its first content too, and is written down', async () => {
    seat('waited').use(stall());
    for (const isStream of [true, false]) {
      const controller = new AbortController();
      const headers = { 'x-request-id': `waited-${isStream}` };
      const asking = ask(gateway, 'waited', { body: { stream: isStream }, headers, signal: controller.signal });
      await seat('waited').waitForRequests(isStream ? 1 : 2);
      const request = seat('waited').requests.at(-1);
      controller.abort();
      await expect(asking).rejects.toThrow();
      await request?.closed;
      expect(request?.abortedAt).toBeDefined();
      expect(await ledgerRow(gateway, headers['x-request-id'])).toMatchObject({ ending: 'client', status: 499 });
    }
    expect(seat('waited').calls()).toBe(2);
  });
});

describe('headers', () => {
  const known = ['x-litellm-call-id', 'x-litellm-version', 'x-litellm-model-group', 'x-litellm-response-duration-ms'];
  const counts = ['retries', 'fallbacks'].flatMap((what) => [`x-litellm-attempted-${what}`, `x-litellm-max-${what}`]);

  it('say of a reply who gave it, after how many tries, within which bounds and for how much', async () => {
    const answer = await ask(gateway, 'whole');
    for (const name of [...known, ...counts]) expect(answer.headers.get(name), name).toMatch(/./);
    expect(answer.headers.get('x-litellm-model-id')).toBe('whole-1');
    expect(answer.headers.get('x-litellm-model-group')).toBe('whole');
    expect(answer.headers.get('x-litellm-model-api-base')).toBe(`${seat('whole').url}/v1`);
    expect(answer.headers.get('x-litellm-timeout')).toBe('600');
    expect(answer.headers.get('x-litellm-response-cost')).toBe('0.000015');
    expect(counts.map((name) => answer.headers.get(name))).toEqual(['0', '1', '0', '5']);
  });

  it('are there on an error too, with a cost of nothing', async () => {
    seat('denied').plays({ status: 500 });
    const body = { num_retries: 0 };
    for (const isStream of [false, true]) {
      const answer = await ask(gateway, 'denied', { body: { ...body, stream: isStream } });
      expect(answer.status).toBe(500);
      for (const name of [...known, ...counts]) expect(answer.headers.get(name), name).toMatch(/./);
      expect(answer.headers.get('x-litellm-response-cost')).toBe('0');
      expect(counts.map((name) => answer.headers.get(name))).toEqual(['0', '0', '0', '5']);
    }
  });
});
