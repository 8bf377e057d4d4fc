/** Takes the readings of one contestant: start it, warm it, load it in every way, end it. */
import { closeSync, openSync, readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { model, prepareContestant, root } from './contestants.mjs';
import { output, settle, start, stop, treeRssMb } from './processes.mjs';

const readyLimitMs = 30_000;
const tries = 3;
const warmSecs = 3;
const prompt = 'Tell in plain words what a gateway does, for whom, and at what cost. '.repeat(24);
const ask = (content, more = {}) => ({
  model,
  messages: [
    { role: 'system', content: prompt },
    { role: 'user', content },
  ],
  ...more,
});
const unary = ask('Briefly.');
const stream = (chunks, everyMs) =>
  ask(`Slowly. chunks=${chunks} every=${everyMs}`, { stream: true, stream_options: { include_usage: true } });

/** In this order; a test later in the list finds the contestant warmer. */
export const tests = {
  'unary-16': { connections: 16, body: unary },
  'unary-64': { connections: 64, body: unary },
  'rate-2000': { connections: 64, rate: 2000, body: unary },
  'paced-64': { connections: 64, body: stream(50, 20), staggerMs: 1000, warmSecs: 2.1 },
  'open-1000': { connections: 1000, body: stream(60, 250), staggerMs: 3000, warmSecs: 5, secs: 4, isLoudAllowed: true },
};

export const labels = new Map([
  ['unary-16.rps', 'requests/s, 16 connections'],
  ['unary-64.rps', 'requests/s, 64 connections'],
  ['unary-16.cpuUs', 'CPU µs/request, 16 connections'],
  ['unary-64.cpuUs', 'CPU µs/request, 64 connections'],
  ['rate-2000.p50Ms', 'p50 ms at 2,000/s'],
  ['rate-2000.p99Ms', 'p99 ms at 2,000/s'],
  ['rate-2000.cpuUs', 'CPU µs/request at 2,000/s'],
  ['paced-64.transitUs', 'chunk transit p50 µs, 64 streams'],
  ['paced-64.transitP99Us', 'chunk transit p99 µs, 64 streams'],
  ['paced-64.cpuUs', 'CPU µs/chunk, 64 streams'],
  ['start.readyMs', 'ready after ms'],
  ['start.rssMb', 'RSS MB, idle'],
  ['open-1000.rssMb', 'RSS MB, 1,000 open streams'],
]);

/** One call over a fresh socket; gives the status line, or nothing. */
function probe(port, headers, body) {
  return new Promise((resolve) => {
    const text = JSON.stringify(body);
    const socket = connect(port, '127.0.0.1');
    const end = (line) => {
      socket.destroy();
      resolve(line);
    };
    socket.setTimeout(2000, () => end());
    socket.once('error', () => end());
    socket.once('close', () => end());
    socket.once('data', (bytes) => end(bytes.toString('latin1').split('\r\n')[0]));
    const head = ['POST /v1/chat/completions HTTP/1.1', 'host: 127.0.0.1', 'connection: close', ...headers];
    const length = `content-length: ${Buffer.byteLength(text)}`;
    socket.write(`${[...head, 'content-type: application/json', length].join('\r\n')}\r\n\r\n${text}`);
  });
}

const freePort = () =>
  new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

async function startVendor() {
  const script = join(import.meta.dirname, 'vendor.mjs');
  const child = start([process.execPath, script], { core: 0, stdio: ['ignore', 'pipe', 'inherit'] });
  const line = await new Promise((resolve, reject) => {
    child.stdout.once('data', resolve);
    child.once('close', () => reject(new Error('The vendor ended before it listened.')));
  });
  return { child, url: `http://127.0.0.1:${JSON.parse(line).port}` };
}

/** Starts a contestant; resolves at its first good reply with the milliseconds that took. */
async function boot(prepared, port) {
  const { command, env, headers, folder } = prepared;
  const logFile = join(folder, 'output.log');
  const log = openSync(logFile, 'w');
  const startMs = performance.now();
  const child = start(command, { core: 1, env, cwd: root, stdio: ['ignore', log, log] });
  closeSync(log);
  for (;;) {
    const line = await probe(port, headers, unary);
    const readyMs = performance.now() - startMs;
    if (line?.includes(' 200')) return { child, readyMs };
    if (readyMs > readyLimitMs || child.exitCode !== null) {
      await stop(child);
      const said = readFileSync(logFile, 'utf8').slice(-2000);
      throw new Error(`${command.join(' ')} gave no good reply (${line ?? 'no reply'}). It said:\n${said}`);
    }
    await sleep(5);
  }
}

async function load(options) {
  const script = join(import.meta.dirname, 'load.mjs');
  const command = [process.execPath, script, JSON.stringify(options)];
  const child = start(command, { core: 0, stdio: ['ignore', 'pipe', 'pipe'] });
  return JSON.parse(await output(child, (options.warmSecs + options.secs + 15) * 1000));
}

/** The quietest of at most three: a reading is taken again when other processes used too much of the machine. */
async function quietest(take, mostForeign) {
  let best;
  for (let attempt = 0; attempt < tries; attempt++) {
    const values = await take();
    if (best === undefined || values.foreign < best.foreign) best = values;
    if (best.foreign <= mostForeign) break;
  }
  return best;
}

/** Runs `use` on a started contestant and its vendor, and ends both whatever happens. */
export async function withContestant(name, use, extras = new Map()) {
  const vendor = await startVendor();
  let child;
  let prepared;
  try {
    const port = await freePort();
    prepared = prepareContestant(name, { port, vendor: vendor.url, extras });
    const booted = await boot(prepared, port);
    child = booted.child;
    await use({ ...booted, port, prepared, vendor: vendor.child });
  } finally {
    await stop(child);
    await stop(vendor.child);
    prepared?.remove();
  }
}

/** Calls `tell(test, values)` for each reading of one contestant in one repetition. */
export const measure = (name, { only, secs, mostForeign, extras, tell }) =>
  withContestant(
    name,
    async ({ child, readyMs, port, prepared, vendor }) => {
      await settle(child.pid);
      tell('start', { readyMs, rssMb: treeRssMb(child.pid) });
      const common = { port, headers: prepared.headers, pid: child.pid, others: [vendor.pid] };
      await load({ ...common, body: unary, connections: 64, warmSecs: 0, secs: warmSecs });
      for (const test of only) {
        const { isLoudAllowed, ...options } = tests[test];
        const take = async () => {
          await settle(child.pid);
          return load({ ...common, secs, warmSecs: 0.5, ...options });
        };
        tell(test, await quietest(take, isLoudAllowed ? Infinity : mostForeign));
      }
    },
    extras,
  );
