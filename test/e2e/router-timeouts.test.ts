/** How long a call may take: to the whole reply, to the first content, between contents, to a connection. */
import { describe, expect, it } from 'vitest';
import { openAiDeployment, readEvents, stall, stallStream, startBrokenVendor, startGateway } from '../support/index.ts';
import { type Asking, ask, chunk, fleet, latenessMs } from './router-support.ts';

const role = chunk({ role: 'assistant', content: '' });
const word = chunk({ content: 'word' });

const v = await fleet('silent', 'begins', 'stops', 'drips', 'spare', 'second');
const deaf = await startBrokenVendor('ignore');
v.silent.use(stall());
v.begins.use(stallStream(role));
v.stops.use(stallStream(role, word));

const [gateway, streaming] = await Promise.all([
  startGateway({
    config: {
      model_list: [
        openAiDeployment('plain', v.silent),
        openAiDeployment('own', v.silent, { timeout: 0.4 }),
        openAiDeployment('seconds', v.silent, { request_timeout: 0.4 }),
        openAiDeployment('half', v.begins),
        openAiDeployment('half-own', v.begins, { stream_timeout: 0.3 }),
        openAiDeployment('drips', v.drips),
        openAiDeployment('deaf', { url: deaf.url.replace('http:', 'https:') }),
        openAiDeployment('rescued', v.silent, { timeout: 0.3, order: 1 }),
        openAiDeployment('rescued', v.spare, { order: 2 }),
      ],
      router_settings: { num_retries: 0, timeout: 1 },
      general_settings: { connect_timeout: 0.5 },
    },
  }),
  startGateway({
    config: {
      model_list: [
        openAiDeployment('half', v.begins),
        openAiDeployment('half-own', v.begins, { stream_timeout: 0.2 }),
        openAiDeployment('stops', v.stops, { cooldown_time: 0 }),
        openAiDeployment('slow-start', v.drips),
        openAiDeployment('rescued', v.begins, { stream_timeout: 0.3, weight: 1e9 }),
        openAiDeployment('rescued', v.second, { weight: 1e-9 }),
      ],
      router_settings: { num_retries: 0, timeout: 20, stream_timeout: 0.6 },
      general_settings: { inter_token_timeout: 0.4 },
    },
  }),
]);

/** Times out with 408 no sooner than the timer and little later. */
async function timesOut(where: typeof gateway, model: string, seconds: number, asking?: Asking) {
  const answer = await ask(where, model, asking);
  expect(answer.status).toBe(408);
  expect(answer.error?.code).toBe('408');
  expect(answer.ms).toBeGreaterThanOrEqual(seconds * 1000 - 30);
  expect(answer.ms).toBeLessThan(seconds * 1000 + latenessMs);
  return answer;
}

const stream = { stream: true };

describe('the whole reply', () => {
  it("is waited for as long as the router's timeout says, and the vendor is let go", async () => {
    const answer = await timesOut(gateway, 'plain', 1);
    expect(answer.error?.message).toContain('no complete reply within 1000 ms');
    await v.silent.requests.at(-1)?.closed;
    expect(v.silent.requests.at(-1)?.abortedAt).toBeDefined();
  });

  it("is waited for as long as the deployment's timeout says, ahead of the router's", async () => {
    await timesOut(gateway, 'own', 0.4);
    await timesOut(gateway, 'seconds', 0.4);
  });

  it("is waited for as long as the request's timeout says, ahead of the deployment's", async () => {
    await timesOut(gateway, 'own', 0.2, { body: { timeout: 0.2 } });
    await timesOut(gateway, 'own', 0.7, { body: { timeout: 0.7 } });
    expect(v.silent.requests.at(-1)?.json).not.toHaveProperty('timeout');
  });

  it('is waited for as long as the header x-litellm-timeout says, ahead of the body', async () => {
    await timesOut(gateway, 'plain', 0.3, { headers: { 'x-litellm-timeout': '0.3' }, body: { timeout: 0.9 } });
  });

  it('refuses a timeout that is no number of seconds', async () => {
    const answer = await ask(gateway, 'plain', { headers: { 'x-litellm-timeout': 'soon' } });
    expect(answer.status).toBe(400);
    expect(answer.error?.message).toContain('soon');
  });

  it('has each try wait anew, and another deployment answer', async () => {
    const answer = await ask(gateway, 'rescued');
    expect(answer.said).toBe('spare');
    expect(answer.ms).toBeGreaterThanOrEqual(270);
    expect(answer.ms).toBeLessThan(300 + latenessMs);
    expect(answer.headers.get('x-litellm-timeout')).toBe('1');
  });

  it('bounds a stream from its request to its end', async () => {
    v.drips.plays({ chunks: Array.from({ length: 60 }, () => 'drip '), delays: { betweenMs: 100 } });
    const answer = await ask(gateway, 'drips', { body: stream });
    expect(answer.status).toBe(200);
    expect(answer.ms).toBeGreaterThanOrEqual(970);
    expect(answer.ms).toBeLessThan(1000 + latenessMs);
    expect(answer.text).not.toContain('[DONE]');
    expect(readEvents(answer.text).at(-1)?.data).toContain('no complete reply within 1000 ms');
  });
});

describe('the first content of a stream', () => {
  it("is waited for as long as the router's stream_timeout says; a role alone is no content", async () => {
    const answer = await timesOut(streaming, 'half', 0.6, { body: stream });
    expect(answer.error?.message).toContain('no first content within 600 ms');
  });

  it("is waited for as long as the deployment's stream_timeout says, ahead of the router's", async () => {
    await timesOut(streaming, 'half-own', 0.2, { body: stream });
  });

  it('is waited for as long as the header x-litellm-stream-timeout says, ahead of both', async () => {
    await timesOut(streaming, 'half-own', 0.4, { body: stream, headers: { 'x-litellm-stream-timeout': '0.4' } });
  });

  it('is waited for as long as the timeout says where no stream_timeout is set', async () => {
    await timesOut(gateway, 'half', 1, { body: stream });
    await timesOut(gateway, 'half-own', 0.3, { body: stream });
  });

  it('may come from another deployment when the first gives none in time', async () => {
    const answer = await ask(streaming, 'rescued', { body: { ...stream, num_retries: 1 } });
    expect(answer.said).toBe('second');
    expect(answer.ms).toBeGreaterThanOrEqual(270);
    expect(answer.ms).toBeLessThan(300 + latenessMs);
  });

  it('ends the rule: what follows may take longer', async () => {
    v.drips.plays({ chunks: ['a', 'b', 'c', 'd'], delays: { betweenMs: 250 } });
    const answer = await ask(streaming, 'slow-start', { body: stream });
    expect(answer.said).toBe('abcd');
    expect(answer.ms).toBeGreaterThan(900);
    expect(answer.text).toContain('[DONE]');
  });
});

describe('the rest', () => {
  it('ends a stream with an error when it falls silent for longer than inter_token_timeout', async () => {
    const startedAt = performance.now();
    const answer = await ask(streaming, 'stops', { body: stream });
    const ms = performance.now() - startedAt;
    expect(answer.status).toBe(200);
    expect(answer.said).toBe('word');
    const events = readEvents(answer.text);
    expect(JSON.parse(events.at(-1)?.data ?? '')).toMatchObject({ error: { code: '408' } });
    expect(events.at(-1)?.data).toContain('silent for 400 ms');
    expect(ms).toBeGreaterThanOrEqual(370);
    expect(ms).toBeLessThan(400 + latenessMs);
    await v.stops.requests.at(-1)?.closed;
    expect(v.stops.requests.at(-1)?.abortedAt).toBeDefined();
  });

  it('gives up a connection that is not there within connect_timeout', async () => {
    const answer = await timesOut(gateway, 'deaf', 0.5);
    expect(answer.error?.message).toContain('within 500 ms');
    expect(deaf.connections()).toBeGreaterThan(0);
  });
});
