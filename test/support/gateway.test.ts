import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import {
  openAiClient,
  openAiDeployment,
  openAiVendor,
  startGateway,
  startRefused,
  startVendor,
  until,
} from './index.ts';

const messages = [{ role: 'user' as const, content: 'hello' }];

it('serves the official SDK from a vendor at the socket, and stops cleanly when told to', async () => {
  const vendor = await startVendor(openAiVendor({ reply: 'good day' }));
  const gateway = await startGateway({ config: { model_list: [openAiDeployment('house', vendor)] } });
  const reply = await openAiClient(gateway).chat.completions.create({ model: 'house', messages });
  expect(reply.choices[0]?.message.content).toBe('good day');
  expect(vendor.requests[0]?.json?.model).toBe('gpt-4o-mini');
  expect(vendor.requests[0]?.headers.authorization).toBe('Bearer sk-vendor');
  expect(await gateway.waitForLog(({ name }) => name === 'observer-log')).toMatchObject({
    status: 200,
    inputTokens: 9,
  });
  expect(await gateway.memory()).toBeGreaterThan(20 * 1024 * 1024);
  expect(readFileSync(`/proc/${gateway.pid}/cmdline`, 'utf8')).toContain('serve');
  expect(await gateway.stop()).toEqual({ code: 0, signal: null });
  expect(existsSync(gateway.folder)).toBe(false);
});

it('tells a refused start with what the gateway said', async () => {
  const end = await startRefused({ config: 'model_list: [' });
  expect(end.code).toBe(1);
  expect(end.output).toContain('config.yaml:1:');
  await expect(startGateway({ config: 'model_list: [' })).rejects.toThrow(/before it was ready[\s\S]*config\.yaml:1:/);
});

it('replaces the configuration in one step, which the gateway notices', async () => {
  const [first, second] = await Promise.all([
    startVendor(openAiVendor({ reply: 'one' })),
    startVendor(openAiVendor({ reply: 'two' })),
  ]);
  const gateway = await startGateway({ config: { model_list: [openAiDeployment('house', first)] } });
  const ask = async () =>
    (await openAiClient(gateway).chat.completions.create({ model: 'house', messages })).choices[0]?.message.content;
  expect(await ask()).toBe('one');
  await gateway.writeConfig({ model_list: [openAiDeployment('house', second)] });
  await until('the second vendor to answer', async () => (await ask()) === 'two');
  await gateway.stop();
});
