/** How a gateway ends: told to stop, it finishes what it has begun, begins nothing, and says so by its exit code. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createConnection, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { ledger } from '../contract/ledger.ts';
import {
  type Gateway,
  openAiDeployment,
  openAiVendor,
  startGateway,
  startVendor,
  until,
  type Vendor,
  within,
} from '../support/index.ts';
import { ask } from './admin.ts';
import { openStreams } from './streams.ts';

const chunks = Array.from({ length: 40 }, (_none, index) => `w${index} `);
const text = chunks.join('');
const endless = Array.from({ length: 2000 }, (_none, index) => `w${index} `);

let gateway: Gateway;
afterEach(() => gateway?.stop(1000));

/** A stream of about two seconds, unless told otherwise. */
const streaming = (pieces = chunks): Promise<Vendor> =>
  startVendor(openAiVendor({ chunks: pieces, delays: { betweenMs: 50 } }));

const housed = (vendor: Vendor, more: object = {}) => ({ model_list: [openAiDeployment('house', vendor)], ...more });

const isRefused = () =>
  ask(gateway).then(
    () => false,
    (error: Error) => String(error.cause).includes('ECONNREFUSED'),
  );

/** A connection on which a request has begun: it is not idle. */
async function beginRequest(path: string): Promise<{ finish(): Promise<string>; readonly socket: Socket }> {
  const socket = createConnection(gateway.port, '127.0.0.1');
  await once(socket, 'connect');
  socket.write(`GET ${path} HTTP/1.1\r\nhost: gateway\r\n`);
  let answer = '';
  socket.setEncoding('utf8').on('data', (part: string) => {
    answer += part;
  });
  return {
    socket,
    async finish() {
      const closed = once(socket, 'close');
      socket.write('\r\n');
      await within('the answer', closed);
      return answer;
    },
  };
}

it('lets two hundred open streams finish, and begins nothing new', async () => {
  gateway = await startGateway({ config: housed(await streaming()) });
  const streams = openStreams(gateway, 200);
  const probe = await beginRequest('/health/readiness');
  await within('all streams to begin', streams.begun);
  gateway.signal('SIGTERM');
  await until('new connections to be refused', isRefused, 3000);
  const readiness = await probe.finish();
  expect(readiness).toMatch(/^HTTP\/1\.1 503 /);
  expect(readiness).toContain('"status":"draining"');
  const ends = await streams.ended;
  expect(ends.filter((end) => !end.isComplete || end.text !== text)).toEqual([]);
  expect(await within('the gateway to end', gateway.exited)).toEqual({ code: 0, signal: null });
  const streamed = new Set(ends.map(({ id }) => id));
  const rows = ledger(gateway).filter(({ request_id: id }) => streamed.has(id));
  expect(new Set(rows.map(({ request_id: id }) => id))).toEqual(streamed);
  expect(rows).toHaveLength(200);
  expect(rows.filter(({ ending, status }) => ending !== 'complete' || status !== 200)).toEqual([]);
});

it('does so however often its whole process group is told', async () => {
  gateway = await startGateway({ config: housed(await streaming()) });
  const streams = openStreams(gateway, 50);
  await within('all streams to begin', streams.begun);
  for (const name of ['SIGINT', 'SIGTERM', 'SIGINT', 'SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.kill(-gateway.pid, name);
    await sleep(150);
  }
  expect((await streams.ended).filter(({ isComplete }) => !isComplete)).toEqual([]);
  expect(await within('the gateway to end', gateway.exited)).toEqual({ code: 0, signal: null });
});

it('cuts what is left at the drain deadline, tells it why, and ends with 1', async () => {
  const config = housed(await streaming(endless), { general_settings: { drain_timeout: 1 } });
  gateway = await startGateway({ config });
  const streams = openStreams(gateway, 20);
  await within('all streams to begin', streams.begun);
  const startedMs = performance.now();
  gateway.signal('SIGTERM');
  expect(await within('the gateway to end', gateway.exited)).toEqual({ code: 1, signal: null });
  expect(performance.now() - startedMs).toBeGreaterThan(950);
  expect(performance.now() - startedMs).toBeLessThan(3000);
  for (const end of await streams.ended) {
    expect(end.isComplete).toBe(false);
    expect(end.body).toContain('"error"');
    expect(end.body).toContain('drain deadline of 1000 ms');
  }
  const rows = ledger(gateway);
  expect(rows).toHaveLength(20);
  for (const row of rows) expect(row).toMatchObject({ ending: 'broke', error_code: 'ERR_KERNEL_DRAINING' });
});

it('holds the requests of a replaced generation to the same deadline', async () => {
  const vendor = await streaming(endless);
  const other = await startVendor(openAiVendor({ reply: 'a fine day' }));
  const settings = { general_settings: { drain_timeout: 1 } };
  gateway = await startGateway({ config: housed(vendor, settings) });
  const streams = openStreams(gateway, 20);
  await within('all streams to begin', streams.begun);
  await gateway.writeConfig(housed(other, settings));
  await until('the change to be in force', async () => (await ask(gateway)).text === 'a fine day');
  const ends = await within('the old streams to be ended', streams.ended);
  for (const end of ends) expect(end.body).toContain('drain deadline of 1000 ms');
  expect(await gateway.stop()).toEqual({ code: 0, signal: null });
});

const bulk = `
import { definePlugin } from '@rutter/plugin-sdk';
export default definePlugin({ kind: 'observer', setup: () => ({
  routes: [{ method: 'GET', path: '/bulk', mode: 'json', permission: 'public', handler: () => ({ body: new Uint8Array(32 * 1024 * 1024) }) }],
}) });`;

it('does not cut a reply that a slow reader has not taken yet', async () => {
  gateway = await startGateway({
    config: { plugins: [{ use: './bulk', trust: true }] },
    files: {
      'bulk/package.json': JSON.stringify({
        name: 'bulk',
        version: '1.0.0',
        rutter: { api: 1, kind: 'observer', name: 'bulk', entry: 'index.ts' },
      }),
      'bulk/index.ts': bulk,
    },
  });
  const socket = createConnection(gateway.port, '127.0.0.1');
  let received = 0;
  socket.write('GET /bulk HTTP/1.1\r\nhost: gateway\r\n\r\n');
  await once(socket, 'readable');
  gateway.signal('SIGTERM');
  await sleep(500);
  for await (const chunk of socket) received += (chunk as Buffer).length;
  expect(received).toBeGreaterThanOrEqual(32 * 1024 * 1024);
  expect(await within('the gateway to end', gateway.exited)).toEqual({ code: 0, signal: null });
});

it('ends at once when nothing is going on, whoever keeps a connection', async () => {
  gateway = await startGateway({ config: housed(await streaming()) });
  const silent = createConnection(gateway.port, '127.0.0.1');
  await once(silent, 'connect');
  const kept = createConnection(gateway.port, '127.0.0.1');
  kept.write('GET /health/liveness HTTP/1.1\r\nhost: gateway\r\n\r\n');
  await once(kept, 'data');
  const startedMs = performance.now();
  gateway.signal('SIGINT');
  expect(await gateway.exited).toEqual({ code: 0, signal: null });
  expect(performance.now() - startedMs).toBeLessThan(1500);
});

it('told to stop while it starts, ends without ever listening', async () => {
  const slow = `
import { definePlugin } from '@rutter/plugin-sdk';
export default definePlugin({ kind: 'observer', async setup() {
  process.kill(process.pid, 'SIGTERM');
  await new Promise((resolve) => setTimeout(resolve, 300));
  return {};
} });`;
  const starting = startGateway({
    config: { plugins: [{ use: './slow', trust: true }] },
    files: {
      'slow/package.json': JSON.stringify({
        name: 'slow',
        version: '1.0.0',
        rutter: { api: 1, kind: 'observer', name: 'slow', entry: 'index.ts', needs: ['node'] },
      }),
      'slow/index.ts': slow,
    },
  });
  await expect(starting).rejects.toThrow('ended with 0 before it was ready');
});

it('tells WebSockets with 1001 that it goes away', async () => {
  gateway = await startGateway({
    config: { plugins: [{ use: `${import.meta.dirname}/../contract/websocket-echo`, trust: true }] },
  });
  const sockets = Array.from({ length: 10 }, () => new WebSocket(`${gateway.url.replace('http', 'ws')}/v1/echo/room`));
  const closes = sockets.map(
    (socket) =>
      new Promise<number>((resolve) => socket.addEventListener('close', ({ code }) => resolve(code), { once: true })),
  );
  await within('the handshakes', Promise.all(sockets.map((socket) => once(socket, 'open'))));
  gateway.signal('SIGTERM');
  expect(await within('the sockets to close', Promise.all(closes))).toEqual(Array(10).fill(1001));
  expect(await within('the gateway to end', gateway.exited)).toEqual({ code: 0, signal: null });
});

const diary = `
import { openSync, writeSync } from 'node:fs';
import { definePlugin } from '@rutter/plugin-sdk';
const file = openSync('settled.txt', 'a');
export default definePlugin({ kind: 'observer', setup: () => ({
  settled: ({ context }) => void writeSync(file, Date.now() + ' ' + context.id + '\\n'),
}) });`;

it('killed in the middle of its work, has written down every request settled fifty milliseconds before', async () => {
  const vendor = await startVendor(openAiVendor({ reply: 'a fine day' }));
  gateway = await startGateway({
    config: housed(vendor, { plugins: [{ use: './diary', trust: true }] }),
    files: {
      'diary/package.json': JSON.stringify({
        name: 'diary',
        version: '1.0.0',
        rutter: { api: 1, kind: 'observer', name: 'diary', entry: 'index.ts', needs: ['node'] },
      }),
      'diary/index.ts': diary,
    },
  });
  let isOver = false;
  const asking = Array.from({ length: 40 }, async () => {
    while (!isOver) await ask(gateway).catch(() => sleep(50));
  });
  await sleep(1500);
  const killedAt = Date.now();
  gateway.signal('SIGKILL');
  await gateway.exited;
  isOver = true;
  await Promise.all(asking);
  const settled = (await readFile(`${gateway.folder}/settled.txt`, 'utf8')).trim().split('\n');
  const safe = settled.map((line) => line.split(' ')).filter(([at]) => Number(at) <= killedAt - 50);
  expect(safe.length).toBeGreaterThan(100);
  const written = new Set(ledger(gateway).map(({ request_id: id }) => id));
  expect(safe.filter(([, id]) => !written.has(id ?? ''))).toEqual([]);
});
