/** Several workers on one port are one gateway: one state, one ledger, one configuration, one end. */
import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { ledger } from '../contract/ledger.ts';
import {
  type Gateway,
  openAiDeployment,
  openAiVendor,
  startGateway,
  startRefused,
  startVendor,
  until,
  type Vendor,
  within,
} from '../support/index.ts';
import { ask, getJson, pluginFolder, plugins, postReload } from './admin.ts';
import { startLoad } from './load.ts';
import { openStreams } from './streams.ts';

const count = 3;
const args = ['--workers', String(count)];
const chunks = (length: number) => Array.from({ length }, (_none, index) => `w${index} `);

let gateway: Gateway;
afterEach(() => gateway?.stop(2000));

interface Member {
  readonly pid: number;
  readonly label: number;
  readonly generation: number;
}

function configuration(vendor: Vendor, label: number, limits?: object): object {
  return {
    model_list: [openAiDeployment('house', vendor)],
    router_settings: { num_retries: 0 },
    plugins: [
      { use: pluginFolder('recorder'), trust: true, config: { label } },
      ...(limits ? [{ use: pluginFolder('limited'), trust: true, config: limits }] : []),
    ],
  };
}

const member = () => getJson<Member>(gateway, '/recorder');

/** What each worker says of itself; every request of this comes over a connection of its own. */
async function members(): Promise<ReadonlyMap<number, Member>> {
  const seen = new Map<number, Member>();
  await until(`${count} workers to answer`, async () => {
    for (const one of await Promise.all(Array.from({ length: 12 }, member))) seen.set(one.pid, one);
    return seen.size === count;
  });
  return seen;
}

/** Processes of the gateway's group. */
async function processes(): Promise<readonly number[]> {
  const pids = (await readdir('/proc')).map(Number).filter(Number.isInteger);
  const stats = await Promise.all(
    pids.map(async (pid) => ({ pid, text: await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '') })),
  );
  // pid (name) state ppid pgrp …
  const groupOf = (text: string) => Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[2]);
  return stats.filter(({ text }) => groupOf(text) === gateway.pid).map(({ pid }) => pid);
}

const gone = () => until('every process to be gone', async () => (await processes()).length === 0);

it('share one port, one limit and one ledger', async () => {
  const vendor = await startVendor(openAiVendor({ reply: 'a fine day' }));
  gateway = await startGateway({ config: configuration(vendor, 1, { requests: 100 }), args });
  expect((await members()).size).toBe(count);
  const before = vendor.requests.length;
  const statuses: number[] = [];
  const ids: string[] = [];
  let left = 1000;
  const caller = async () => {
    while (left-- > 0) {
      const response = await fetch(`${gateway.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', connection: 'close' },
        body: JSON.stringify({ model: 'house', messages: [{ role: 'user', content: 'hello' }] }),
      });
      await response.text();
      statuses.push(response.status);
      ids.push(response.headers.get('x-request-id') ?? '');
    }
  };
  await Promise.all(Array.from({ length: 40 }, caller));
  expect(Object.fromEntries(Map.groupBy(statuses, String))).toMatchObject({
    200: expect.objectContaining({ length: 100 }),
    429: expect.objectContaining({ length: 900 }),
  });
  expect(vendor.requests.length - before).toBe(100);
  const settled = await until('every request to be settled', async () => {
    const each = new Map<number, number>();
    for (const pid of (await members()).keys()) each.set(pid, 0);
    const asked = await Promise.all(
      Array.from({ length: 30 }, () => getJson<Member & { settled: number }>(gateway, '/recorder')),
    );
    for (const one of asked) each.set(one.pid, one.settled);
    return [...each.values()].reduce((sum, one) => sum + one, 0) === 1000 && each;
  });
  // The system spreads connections: no worker has been left out.
  for (const own of settled.values()) expect(own).toBeGreaterThan(50);
  const rows = await until('the ledger to hold them', () => {
    const all = ledger(gateway);
    return all.length >= 1000 && all;
  });
  expect(rows).toHaveLength(1000);
  expect(new Set(rows.map(({ request_id: id }) => id))).toEqual(new Set(ids));
  expect(await gateway.stop()).toEqual({ code: 0, signal: null });
  // They write to one output, each whole lines.
  const torn = gateway
    .output()
    .split('\n')
    .filter((line) => line.includes('{"level"') && !isJson(line));
  expect(torn).toEqual([]);
  expect(gateway.log().filter(({ name }) => name === 'observer-log')).toHaveLength(1000);
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

it('take a change all together, by whichever way it comes, or not at all', async () => {
  const vendor = await startVendor(openAiVendor({ reply: 'a fine day' }));
  gateway = await startGateway({ config: configuration(vendor, 1, {}), args });
  const labels = async () =>
    new Set(Array.from((await members()).values(), ({ label, generation }) => `${label} ${generation}`));
  expect(await labels()).toEqual(new Set(['1 1']));

  await gateway.writeConfig(configuration(vendor, 2, {}));
  expect(await postReload(gateway)).toMatchObject({ httpStatus: 200, generation: 2 });
  expect(await labels()).toEqual(new Set(['2 2']));

  await gateway.writeConfig(configuration(vendor, 3, { failsIn: '1' }));
  const refused = await postReload(gateway);
  expect(refused).toMatchObject({ httpStatus: 409, status: 'refused', generation: 2 });
  expect(refused.reasons.join()).toMatch(/config\.yaml:\d+:\d+: .*no luck in worker 1/);
  await gateway.waitForLog(({ level, reason }) => level === 50 && String(reason).includes('no luck in worker 1'));
  expect(await labels()).toEqual(new Set(['2 2']));

  await gateway.writeConfig(configuration(vendor, 4, { failsIn: '7' }));
  gateway.signal('SIGHUP');
  await until('the change to be in force', async () => (await member()).label === 4);
  expect(await labels()).toEqual(new Set(['4 3']));
  await gateway.writeConfig(configuration(vendor, 5));
  await until('the file to be noticed', async () => (await member()).label === 5);
  expect(await labels()).toEqual(new Set(['5 4']));
  await gateway.writeConfig('model_list: [');
  expect(await postReload(gateway)).toMatchObject({ httpStatus: 409, generation: 4 });
  expect(await labels()).toEqual(new Set(['5 4']));
  expect(await ask(gateway)).toEqual({ status: 200, text: 'a fine day' });
});

it('fail no request while they change', async () => {
  const text = 'a fine day for a walk';
  const vendor = await startVendor(openAiVendor({ reply: text, delays: { headMs: 60, betweenMs: 30 } }));
  gateway = await startGateway({ config: configuration(vendor, 0), args });
  const load = startLoad({ url: gateway.url, model: 'house', concurrency: 60, text });
  for (let label = 1; label <= 12; label += 1) {
    await gateway.writeConfig(configuration(vendor, label));
    expect(await postReload(gateway)).toMatchObject({ httpStatus: 200, generation: label + 1 });
  }
  await load.stop();
  expect(load.failures).toEqual([]);
  for (const one of (await members()).values()) expect(one).toMatchObject({ label: 12, generation: 13, mixed: [] });
});

it('wait with a change while one of them cannot take it, and then take it all', async () => {
  const vendor = await startVendor(openAiVendor({ chunks: chunks(2000), delays: { betweenMs: 100 } }));
  gateway = await startGateway({ config: configuration(vendor, 1), args });
  const open = [];
  for (let label = 2; label <= 9; label += 1) {
    const streams = openStreams(gateway, 20);
    open.push(streams);
    await within('the streams to begin', streams.begun);
    await gateway.writeConfig(configuration(vendor, label));
    const reloading = postReload(gateway);
    if (label === 9) {
      await until('the change to wait', async () => (await plugins(gateway)).waiting !== undefined);
      for (const one of open) one.leave();
    }
    expect(await reloading).toMatchObject({ httpStatus: 200, generation: label });
  }
  for (const one of (await members()).values()) expect(one).toMatchObject({ label: 9, generation: 9 });
});

it('are replaced when they die, and what they held is given back', async () => {
  const vendor = await startVendor(openAiVendor({ chunks: chunks(2000), delays: { betweenMs: 50 } }));
  const most = 12;
  gateway = await startGateway({ config: configuration(vendor, 1, { parallel: most }), args });
  const before = await members();
  await gateway.writeConfig(configuration(vendor, 2, { parallel: most }));
  expect(await postReload(gateway)).toMatchObject({ httpStatus: 200, generation: 2 });
  const streams = Array.from({ length: most }, () => openStreams(gateway, 1));
  await within('the streams to begin', Promise.all(streams.map(({ begun }) => begun)));
  expect((await ask(gateway)).status).toBe(429);
  const held = await Promise.all(
    Array.from({ length: 60 }, () => getJson<Member & { open: number }>(gateway, '/recorder')),
  );
  const busiest = held.toSorted((a, b) => b.open - a.open)[0];
  if (busiest === undefined) throw new Error('Sixty workers answered.');

  let broken = 0;
  for (const { ended } of streams) void ended.then(() => broken++);
  process.kill(busiest.pid, 'SIGKILL');
  await until('its streams to break', () => broken === busiest.open);
  // The slots of the others stay taken, those of the dead one are free at once.
  const again = openStreams(gateway, broken);
  await within('as many streams to begin', again.begun);
  expect((await ask(gateway)).status).toBe(429);

  await until('another worker to take its place', async () => {
    const now = await members().catch(() => before);
    return !now.has(busiest.pid);
  });
  const after = await members();
  expect([...after.keys()].filter((pid) => !before.has(pid))).toHaveLength(1);
  for (const one of after.values()) expect(one).toMatchObject({ label: 2, generation: 2 });
  await gateway.waitForLog(({ msg }) => msg === 'a worker ended; starting another');
});

it('drain together when their whole group is told, again and again', async () => {
  const vendor = await startVendor(openAiVendor({ chunks: chunks(40), delays: { betweenMs: 50 } }));
  gateway = await startGateway({ config: configuration(vendor, 1), args });
  await members();
  const streams = openStreams(gateway, 60);
  await within('the streams to begin', streams.begun);
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.kill(-gateway.pid, signal);
    await sleep(150);
  }
  const error = await ask(gateway).catch((refused: Error) => refused);
  expect(String((error as Error).cause)).toContain('ECONNREFUSED');
  expect((await streams.ended).filter(({ isComplete }) => !isComplete)).toEqual([]);
  expect(await within('the gateway to end', gateway.exited)).toEqual({ code: 0, signal: null });
  await gone();
  expect(ledger(gateway).filter(({ ending }) => ending === 'complete')).toHaveLength(60);
});

it('end with 1 when the drain deadline cuts what is left', async () => {
  const vendor = await startVendor(openAiVendor({ chunks: chunks(2000), delays: { betweenMs: 50 } }));
  gateway = await startGateway({
    config: { ...configuration(vendor, 1), general_settings: { drain_timeout: 1 } },
    args,
  });
  const streams = openStreams(gateway, 12);
  await within('the streams to begin', streams.begun);
  gateway.signal('SIGTERM');
  for (const { body } of await streams.ended) expect(body).toContain('drain deadline of 1000 ms');
  expect(await within('the gateway to end', gateway.exited)).toEqual({ code: 1, signal: null });
  await gone();
});

it('end by themselves when their supervisor was killed, and cut nothing', async () => {
  const vendor = await startVendor(openAiVendor({ chunks: chunks(40), delays: { betweenMs: 50 } }));
  gateway = await startGateway({ config: configuration(vendor, 1), args });
  const streams = openStreams(gateway, 30);
  await within('the streams to begin', streams.begun);
  gateway.signal('SIGKILL');
  expect((await streams.ended).filter(({ isComplete }) => !isComplete)).toEqual([]);
  await gone();
});

it('do not start when one of them cannot, and say why', async () => {
  const vendor = await startVendor(openAiVendor());
  const end = await startRefused({ config: configuration(vendor, 1, { failsIn: '2' }), args });
  expect(end).toMatchObject({ code: 1, signal: null });
  expect(end.output).toMatch(/The gateway does not start:\n {2}.*config\.yaml:\d+:\d+: .*no luck in worker 2/);
});

it('do not start on a port that another program listens on', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen({ port: 0, host: '127.0.0.1', reusePort: true }, resolve));
  const { port } = other.address() as { port: number };
  const vendor = await startVendor(openAiVendor());
  const end = await startRefused({ config: configuration(vendor, 1), args: [...args, '--port', String(port)] });
  expect(end).toMatchObject({ code: 1, signal: null });
  expect(end.output).toContain(`Cannot listen on 127.0.0.1:${port}: another program listens there.`);
  await new Promise((resolve) => other.close(resolve));
});
