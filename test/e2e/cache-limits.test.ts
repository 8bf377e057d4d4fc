import { afterAll, beforeAll, expect, it } from 'vitest';
import { openAiDeployment, openAiVendor, startGateway, startVendor, until, type Vendor } from '../support/index.ts';

/** One request counts against two limits; the second leaves no room for another whole one. */
const guard = `
import { definePlugin } from '@rutter/plugin-sdk';
export default definePlugin({
  kind: 'guard',
  setup: () => ({
    reserve: () => [
      { key: 'requests', amount: 1, limit: 3, windowMs: 600000, measure: 'requests' },
      { key: 'tokens', amount: 1000, limit: 1000, windowMs: 600000, measure: 'tokens' },
    ],
  }),
});`;

const cache = `
import { definePlugin } from '@rutter/plugin-sdk';
const kept = new Map();
export default definePlugin({
  kind: 'cache',
  setup: () => ({
    read: (context, call) => kept.get(context.principal.id + call.text()),
    write: (context, call, reply) => void kept.set(context.principal.id + call.text(), reply),
  }),
});`;

let vendor: Vendor;
beforeAll(async () => {
  vendor = await startVendor(openAiVendor({ reply: 'Hello.', usage: { prompt_tokens: 7, completion_tokens: 5 } }));
});
afterAll(() => vendor.close());

it('charges a cache hit its request count only', async () => {
  const entry = (name: string) => ({ use: `./${name}`, trust: true });
  const gateway = await startGateway({
    files: { 'limits/index.js': guard, 'answers/index.js': cache },
    config: { plugins: [entry('limits'), entry('answers')], model_list: [openAiDeployment('m', vendor)] },
  });
  const ask = async (content: string) => {
    const response = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'm', messages: [{ role: 'user', content }] }),
    });
    return { status: response.status, text: await response.text(), cache: response.headers.get('x-rutter-cache') };
  };
  expect((await ask('first')).status).toBe(200);
  // The reply is kept, and the limit settled, after it has gone out.
  const hit = await until('the reply to be kept', async () => {
    const answer = await ask('first');
    return answer.cache === 'hit' ? answer : undefined;
  });
  expect(hit.status).toBe(200);
  expect(vendor.requests).toHaveLength(1);
  const statuses: number[] = [];
  for (let index = 0; index < 3; index++) statuses.push((await ask('first')).status);
  expect(statuses.at(-1)).toBe(429);
  expect((await ask('second')).text).toMatch(/Limit type: requests/);
  await gateway.stop();
});
