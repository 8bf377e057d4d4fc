/**
 * The yardstick: what a gateway's duties cost when they are written straight
 * into one Koa program, with nothing that can be replaced.
 *
 * It checks a hashed key and its limits, validates the body, runs twelve taps
 * over four hooks, decides between eight candidates, rewrites the model, reads
 * the usage, prices it, and writes one record a request in batches.
 */
import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { createRequire } from 'node:module';
import { Transform } from 'node:stream';

// The kernel's own copy of the packages: the comparison is one of code, not of versions.
const kernelPackage = createRequire(new URL('../../core/package.json', import.meta.url));
const Koa = kernelPackage('koa');
const { AsyncSeriesHook } = kernelPackage('tapable');
const { Pool } = kernelPackage('undici');

const pool = new Pool(process.env.VENDOR, { connections: 1024, pipelining: 1 });
const log = createWriteStream(process.env.LOG_FILE);
const records = [];
const mostRecords = 50_000;
const digest = (key) => createHash('sha256').update(key).digest('hex');
const limits = () => ({ minute: 0, used: 0, perMinute: 1e9, spent: 0, budget: 1e9 });
const keys = new Map([process.env.KEY, 'sk-a', 'sk-b', 'sk-c'].map((key, id) => [digest(key), { id, ...limits() }]));
const candidates = Array.from({ length: 8 }, (_, index) => ({
  id: `deployment-${index}`,
  model: 'gpt-4o-mini',
  price: { input: 0.15e-6, output: 0.6e-6 },
  window: 128_000,
  inFlight: 0,
  latencyMs: 0,
}));

const hooks = Object.fromEntries(
  ['request', 'route', 'reply', 'settled'].map((name) => [name, new AsyncSeriesHook(['call'])]),
);
for (const hook of Object.values(hooks)) {
  hook.tap('counts', (call) => void call.taps++);
  hook.tapPromise('waits', async (call) => void call.taps++);
  hook.tap('notes', (call) => (call.note = call.taps));
}

setInterval(() => {
  if (records.length > 0)
    log.write(
      `${records
        .splice(0)
        .map((record) => JSON.stringify(record))
        .join('\n')}\n`,
    );
}, 200).unref();

const refusal = (status, message) => Object.assign(new Error(message), { status });

function admit(header) {
  const key = keys.get(digest(header.replace(/^Bearer /i, '')));
  if (key === undefined) throw refusal(401, 'The key is unknown.');
  const minute = Math.floor(Date.now() / 60_000);
  if (key.minute !== minute) Object.assign(key, { minute, used: 0 });
  if (++key.used > key.perMinute || key.spent > key.budget) throw refusal(429, 'The limit is reached.');
  return key;
}

async function readBody(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  const body = JSON.parse(Buffer.concat(parts).toString());
  if (typeof body.model !== 'string' || !Array.isArray(body.messages)) throw refusal(400, 'The body is no call.');
  for (const { role, content } of body.messages)
    if (typeof role !== 'string' || typeof content !== 'string') throw refusal(400, 'A message is malformed.');
  return body;
}

function decide(body) {
  const tokens = body.messages.reduce((sum, { content }) => sum + content.length / 4, 0);
  const fitting = candidates.filter(({ window }) => window > tokens);
  return fitting.sort((a, b) => a.inFlight - b.inFlight || a.latencyMs - b.latencyMs)[0];
}

/** From the end of a reply or of a stream. */
function usageIn(text) {
  const at = text.lastIndexOf('"usage":{');
  return at < 0 ? undefined : JSON.parse(text.slice(at + 8, text.indexOf('}', at) + 1));
}

async function settle(call, tail, status) {
  const { chosen, key } = call;
  const durationMs = performance.now() - call.startMs;
  chosen.inFlight--;
  chosen.latencyMs += (durationMs - chosen.latencyMs) * 0.1;
  const usage = usageIn(tail);
  const { prompt_tokens: input = 0, completion_tokens: output = 0 } = usage ?? {};
  const cost = input * chosen.price.input + output * chosen.price.output;
  key.spent += cost;
  await hooks.settled.promise(call);
  const { id, asked } = call;
  const record = { id, key: key.id, asked, deployment: chosen.id, status, durationMs, input, output, cost };
  if (records.length < mostRecords) records.push(record);
}

function watchTail(call, status) {
  let tail = '';
  const transform = (part, _encoding, done) => {
    tail = (tail + part.toString('latin1')).slice(-1024);
    done(null, part);
  };
  return new Transform({ transform }).once('close', () => void settle(call, tail, status));
}

async function serve(context, call) {
  call.key = admit(context.get('authorization'));
  call.body = await readBody(context.req);
  call.asked = call.body.model;
  await hooks.request.promise(call);
  call.chosen = decide(call.body);
  call.chosen.inFlight++;
  await hooks.route.promise(call);
  const body = JSON.stringify({ ...call.body, model: call.chosen.model });
  const headers = { 'content-type': 'application/json', authorization: 'Bearer sk-vendor' };
  const reply = await pool.request({ path: '/v1/chat/completions', method: 'POST', headers, body });
  await hooks.reply.promise(call);
  context.status = reply.statusCode;
  context.type = reply.headers['content-type'];
  if (call.body.stream === true) {
    context.body = reply.body.on('error', () => context.res.destroy()).pipe(watchTail(call, reply.statusCode));
    return;
  }
  const text = await reply.body.text();
  context.body = text;
  void settle(call, text, reply.statusCode);
}

const app = new Koa();
app.use(async (context) => {
  const call = { id: randomUUID(), startMs: performance.now(), taps: 0 };
  context.set('x-request-id', call.id);
  try {
    await serve(context, call);
  } catch (error) {
    context.status = error.status ?? 502;
    context.body = { error: { message: error.message } };
  }
});
app.listen({ port: Number(process.env.PORT), host: '127.0.0.1', backlog: 4096 });
