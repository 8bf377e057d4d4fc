/**
 * The vendor that every contestant calls: the least HTTP/1.1 that serves, so that it never is the bottleneck.
 *
 * A message that ends in `chunks=N every=MS` is answered by a stream of that
 * many chunks, each with the monotonic clock of its moment in microseconds;
 * any other by one small completion. Prints its port as a line of JSON.
 */
import { createServer } from 'node:net';

const model = 'gpt-4o-mini-2024-07-18';
const usage = { prompt_tokens: 412, completion_tokens: 96, total_tokens: 508 };
const text = 'A gateway stands between a program and those who answer it. '.repeat(8);
const common = { id: 'chatcmpl-bench', created: 1_700_000_000, model };
const message = { role: 'assistant', content: text };
const whole = { ...common, object: 'chat.completion', choices: [{ index: 0, message, finish_reason: 'stop' }], usage };
const json = JSON.stringify(whole);
const unary = Buffer.from(
  `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${json.length}\r\n\r\n${json}`,
);
const streamHead = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n';

const framed = (data) => `${data.length.toString(16)}\r\n${data}\r\n`;
const event = (value) =>
  framed(`data: ${JSON.stringify({ ...common, object: 'chat.completion.chunk', ...value })}\n\n`);
const delta = (content, reason = null) => ({ choices: [{ index: 0, delta: { content }, finish_reason: reason }] });
const lastEvents = `${event(delta('', 'stop'))}${event({ choices: [], usage })}${framed('data: [DONE]\n\n')}0\r\n\r\n`;
const clockUs = () => process.hrtime.bigint() / 1000n;

function streamTo(socket, chunks, everyMs) {
  socket.write(streamHead);
  let left = chunks;
  const timer = setInterval(() => {
    if (socket.destroyed) return clearInterval(timer);
    socket.write(event(delta(` at=${clockUs()};`)));
    if (--left > 0) return;
    clearInterval(timer);
    socket.write(lastEvents);
  }, everyMs);
}

/** The body of a whole request, or undefined while bytes are missing. */
function bodyOf(request) {
  const end = request.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const length = /content-length: *(\d+)/i.exec(request.slice(0, end))?.[1];
  const body = request.slice(end + 4);
  // No JSON holds a bare line break of this form, so the last frame is recognised by its bytes.
  const isWhole = length === undefined ? body.endsWith('0\r\n\r\n') : body.length >= Number(length);
  return isWhole ? body : undefined;
}

const server = createServer({ noDelay: true }, (socket) => {
  let pending = '';
  socket.setEncoding('latin1');
  socket.on('error', () => socket.destroy());
  socket.on('data', (bytes) => {
    pending += bytes;
    const body = bodyOf(pending);
    if (body === undefined) return;
    pending = '';
    const pace = /chunks=(\d+) every=(\d+)/.exec(body);
    if (pace) streamTo(socket, Number(pace[1]), Number(pace[2]));
    else socket.write(unary);
  });
});
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
  process.stdout.write(`${JSON.stringify({ port: server.address().port })}\n`);
});
