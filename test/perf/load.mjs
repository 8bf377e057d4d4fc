/**
 * Loads one address over raw sockets and prints what it saw as one line of JSON.
 *
 * Started with one argument, the options as JSON: `port`, `headers`, `body`,
 * `connections`, `secs`, `warmSecs`, `rate` (open loop when given), `staggerMs`
 * (over which the connections begin), `pid` (whose CPU and memory are read in
 * the window), `others` (processes that belong to the run too).
 */
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { machineBusyUs, treeCpuUs, treeRssMb } from './processes.mjs';
import { quantile } from './statistics.mjs';

const options = JSON.parse(process.argv[2]);
const { port, connections, secs, warmSecs, rate, staggerMs = 0, pid, others = [] } = options;
const payload = Buffer.from(JSON.stringify(options.body));
const head = [
  'POST /v1/chat/completions HTTP/1.1',
  `host: 127.0.0.1:${port}`,
  'content-type: application/json',
  `content-length: ${payload.length}`,
  ...options.headers,
];
const request = Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), payload]);
const isStream = options.body.stream === true;
const mostErrors = 1000;
const openLateMs = 1.5;

const seen = { requests: 0, chunks: 0, errors: 0, latencies: [], transits: [] };
let isMeasuring = false;
let firstError;

function fault(what) {
  firstError ??= what;
  if (++seen.errors > mostErrors) {
    process.stderr.write(`More than ${mostErrors} errors; the first: ${firstError}\n`);
    process.exit(1);
  }
}

/** One connection that carries one request at a time; `whenFree` is called when it may carry the next. */
class Line {
  constructor(whenFree) {
    this.whenFree = whenFree;
    this.open();
  }

  open() {
    this.reset();
    this.isBusy = false;
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (text) => this.read(text));
    socket.on('error', (error) => fault(error.code ?? error.message));
    socket.on('close', () => {
      if (this.isBusy) fault('the connection closed before the reply ended');
      setTimeout(() => {
        this.open();
        this.whenFree(this);
      }, 50);
    });
  }

  reset() {
    this.head = '';
    this.status = undefined;
    this.tail = '';
    this.unread = '';
  }

  send(fromMs) {
    this.isBusy = true;
    this.fromMs = fromMs;
    this.socket.write(request);
  }

  read(text) {
    let body = text;
    if (this.status === undefined) {
      this.head += text;
      const end = this.head.indexOf('\r\n\r\n');
      if (end < 0) return;
      body = this.head.slice(end + 4);
      this.head = this.head.slice(0, end);
      this.status = this.head.slice(9, 12);
      const length = /content-length: *(\d+)/i.exec(this.head)?.[1];
      this.left = length === undefined ? undefined : Number(length);
    }
    if (isStream) this.readClocks(body);
    if (this.left !== undefined) this.left -= body.length;
    // Long enough to see the last frame when it comes in two pieces.
    this.tail = body.length >= 5 ? body.slice(-5) : (this.tail + body).slice(-5);
    if (this.left === undefined ? this.tail === '0\r\n\r\n' : this.left <= 0) this.finish();
  }

  readClocks(body) {
    const nowUs = Number(process.hrtime.bigint() / 1000n);
    const text = this.unread + body;
    let after = 0;
    for (const match of text.matchAll(/at=(\d+);/g)) {
      after = match.index + match[0].length;
      if (!isMeasuring) continue;
      seen.chunks++;
      seen.transits.push(nowUs - Number(match[1]));
    }
    this.unread = text.slice(Math.max(after, text.length - 32));
  }

  finish() {
    const latencyMs = performance.now() - this.fromMs;
    if (this.status !== '200') fault(`status ${this.status}`);
    else if (isMeasuring) {
      seen.requests++;
      seen.latencies.push(latencyMs);
    }
    this.reset();
    this.isBusy = false;
    this.whenFree(this);
  }
}

function closedLoop() {
  for (let index = 0; index < connections; index++) {
    const begin = () => new Line((line) => line.send(performance.now())).send(performance.now());
    setTimeout(begin, (staggerMs * index) / connections);
  }
}

/**
 * Arrivals come at the millisecond ticks of Node's timer. A request counts from
 * its tick, or, when the tick came late or no connection was free, from the time
 * it should have been sent: waiting in the client is waiting.
 */
function openLoop() {
  const due = [];
  const free = [];
  const take = () => {
    while (due.length > 0 && free.length > 0) free.pop().send(due.shift());
  };
  const whenFree = (line) => {
    free.push(line);
    take();
  };
  for (let index = 0; index < connections; index++) free.push(new Line(whenFree));
  const startMs = performance.now();
  let sent = 0;
  setInterval(() => {
    const nowMs = performance.now();
    for (; sent < ((nowMs - startMs) * rate) / 1000; sent++) {
      const plannedMs = startMs + (sent * 1000) / rate;
      due.push(nowMs - plannedMs > openLateMs ? plannedMs : nowMs);
    }
    take();
  }, 1);
}

const ours = () => treeCpuUs(pid) + [process.pid, ...others].reduce((sum, one) => sum + treeCpuUs(one), 0);
const reading = () => ({ ms: performance.now(), cpuUs: treeCpuUs(pid), foreignUs: machineBusyUs() - ours() });
const rounded = (value) => (Number.isFinite(value) ? Math.round(value * 1000) / 1000 : undefined);

if (rate === undefined) closedLoop();
else openLoop();
await sleep(warmSecs * 1000);
const errorsBefore = seen.errors;
const before = reading();
isMeasuring = true;
let rssMb = 0;
for (let pause = 0; pause < secs * 5; pause++) {
  await sleep(200);
  rssMb = Math.max(rssMb, treeRssMb(pid));
}
isMeasuring = false;
const after = reading();
const wallMs = after.ms - before.ms;
const cpuUs = after.cpuUs - before.cpuUs;
const result = {
  rps: rounded((seen.requests * 1000) / wallMs),
  cpuUs: rounded(cpuUs / (isStream ? seen.chunks : seen.requests)),
  p50Ms: rounded(quantile(seen.latencies, 0.5)),
  p99Ms: rounded(quantile(seen.latencies, 0.99)),
  transitUs: rounded(quantile(seen.transits, 0.5)),
  transitP99Us: rounded(quantile(seen.transits, 0.99)),
  requests: seen.requests,
  chunks: seen.chunks,
  errors: seen.errors - errorsBefore,
  firstError,
  rssMb: rounded(rssMb),
  foreign: rounded(Math.max(0, after.foreignUs - before.foreignUs) / (wallMs * 1000)),
};
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
