/** A client that leaves takes its upstream along: at once, from the first byte on, whatever the vendor is doing. */
import { setTimeout as sleep } from 'node:timers/promises';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Gateway,
  openAiClient,
  startGateway,
  startVendor,
  type Vendor,
  type VendorHandler,
  within,
} from '../support/index.ts';
import { anthropicEvents } from './anthropic-side.ts';
import { user } from './client.ts';
import { openAiEvents } from './openai-side.ts';
import { tokens } from './scenarios.ts';
import type { Truth } from './truth.ts';
import { anthropicDeployment, openAiEntry } from './vendors.ts';

const truth: Truth = { text: 'A long story about a ship and her book of routes.', finish: 'stop', tokens };
const messages = [user('Tell me a story.')];
const longestMs = 100;
const times = [1, 2, 3, 4, 5];

let vendor: Vendor;
let gateway: Gateway;
let unconfigured: Gateway;

/** The first events at once, then one each 20 ms, for as long as anybody reads. */
const slowly =
  (events: () => Iterable<string>): VendorHandler =>
  async ({ response }) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    let index = 0;
    while (!response.destroyed)
      for (const event of events()) {
        if (index++ > 4) await sleep(20);
        // The story has no end.
        if (!/finish_reason":"stop|message_delta|message_stop|DONE|block_stop|"choices":\[\]/.test(event))
          response.write(event);
      }
  };

const vendors = [
  { model: 'from-openai', stream: slowly(() => openAiEvents(truth, 'm', true)) },
  { model: 'from-anthropic', stream: slowly(() => anthropicEvents(truth, { model: 'm' })) },
];

beforeAll(async () => {
  vendor = await startVendor(() => {});
  [gateway, unconfigured] = await Promise.all([
    startGateway({
      config: {
        model_list: [openAiEntry('from-openai', vendor, 'm'), anthropicDeployment('from-anthropic', vendor, 'm')],
      },
    }),
    startGateway({}),
  ]);
});
afterAll(() => Promise.all([gateway?.stop(), unconfigured?.stop()]));

/** How long the vendor's connection outlived the client's. */
async function outlived(leave: () => void): Promise<number> {
  const request = vendor.requests.at(-1);
  expect(request?.abortedAt).toBeUndefined();
  const leftAt = performance.now();
  leave();
  await within('the vendor to see the end', request?.closed ?? Promise.resolve());
  return (request?.abortedAt ?? Number.POSITIVE_INFINITY) - leftAt;
}

// A machine that is busy elsewhere may pause any of the three for longer than that.
describe.each(vendors)('a call of $model', { retry: 2 }, ({ model, stream }) => {
  it.each(times)('is over at the vendor within 100 ms of leaving a stream, time %i', async () => {
    vendor.use(stream);
    const reply = await openAiClient(gateway).chat.completions.create({ model, messages, stream: true });
    const chunks = reply[Symbol.asyncIterator]();
    for (let told = 0; told < 3; ) if ((await chunks.next()).value?.choices[0]?.delta.content) told++;
    expect(await outlived(() => reply.controller.abort())).toBeLessThan(longestMs);
  });

  it.each(times)('is over within 100 ms when nothing has come yet, time %i', async (time) => {
    const before = vendor.requests.length;
    vendor.use(() => {});
    const leaving = new AbortController();
    const options = { signal: leaving.signal };
    const body = { model, messages, stream: time % 2 === 0 };
    const asking = openAiClient(gateway).chat.completions.create(body, options);
    asking.catch(() => {});
    await vendor.waitForRequests(before + 1);
    expect(await outlived(() => leaving.abort())).toBeLessThan(longestMs);
    await expect(asking).rejects.toThrow(OpenAI.APIUserAbortError);
  });
});

it('is not tried again for a client that has left', async () => {
  const before = vendor.requests.length;
  const leaving = new AbortController();
  vendor.use(({ response }) => {
    leaving.abort();
    setTimeout(() => response.destroy(), 20);
  });
  const body = { model: 'from-openai', messages };
  const asking = openAiClient(gateway).chat.completions.create(body, { signal: leaving.signal });
  await expect(asking).rejects.toThrow(OpenAI.APIUserAbortError);
  await gateway.waitForLog(({ ending, status }) => ending === 'client' && status === 499);
  await sleep(100);
  expect(vendor.requests.length).toBe(before + 1);
});

it('ends a stream of the simulated provider, and is told as the client’s doing', async () => {
  const simulate = { tokens: 10_000, tokensPerSecond: 200 };
  const body = { model: 'simulated', messages, stream: true as const, simulate };
  const { data, request_id: id } = await openAiClient(unconfigured).chat.completions.create(body).withResponse();
  for await (const chunk of data) if (chunk.choices[0]?.delta.content) break;
  const line = await unconfigured.waitForLog(({ request }) => request === id, 1_000);
  expect(line).toMatchObject({ ending: 'client', status: 499 });
});
