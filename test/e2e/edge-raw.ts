/** HTTP as bytes: requests no client library would send, and answers read without one's leniency. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** One answer as it came. */
export interface RawReply {
  readonly status: number;
  /** Lower-case names; a repeated one has its values joined by commas. */
  readonly headers: Readonly<Record<string, string>>;
  readonly head: string;
  readonly body: string;
}

export interface RawExchange {
  /** Every final answer on the connection, in order. */
  readonly replies: readonly RawReply[];
  /** Bytes after the last whole answer; '' when there are none. */
  readonly rest: string;
  /** Whether the other side closed or reset the connection. */
  readonly isClosed: boolean;
  readonly ms: number;
}

export interface RawOptions {
  /** Stops when there are this many answers; 1 when absent. */
  readonly replies?: number;
  /** Waits for the other side to close, whatever has come. */
  readonly untilClosed?: boolean;
  /** Answers to these methods have no body; used in turn. */
  readonly methods?: readonly string[];
  readonly timeoutMs?: number;
  /** Sends the parts one after the other, this far apart. */
  readonly betweenMs?: number;
  /** Ends this side of the connection after the last part. */
  readonly end?: boolean;
}

interface Address {
  readonly port: number;
}

/** A whole request with its length; header lines without line ends. */
export function rawRequest(line: string, headers: readonly string[] = [], body?: string | Buffer): Buffer {
  const length = body === undefined ? [] : [`content-length: ${Buffer.byteLength(body)}`];
  const head = Buffer.from(`${line}\r\n${['host: gateway', ...headers, ...length].join('\r\n')}\r\n\r\n`, 'latin1');
  return body === undefined ? head : Buffer.concat([head, Buffer.from(body)]);
}

/** Sends bytes over a connection of their own and reads what is answered. */
export function exchangeRaw(
  { port }: Address,
  sent: string | Buffer | readonly (string | Buffer)[],
  options: RawOptions = {},
): Promise<RawExchange> {
  const { replies: wanted = 1, untilClosed = false, methods = [], timeoutMs = 10_000 } = options;
  const startedAt = performance.now();
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    let received = Buffer.alloc(0);
    let isClosed = false;
    const finish = () => {
      clearTimeout(timer);
      socket.destroy();
      const { replies, rest } = readReplies(received, methods);
      resolve({ replies, rest, isClosed, ms: performance.now() - startedAt });
    };
    const timer = setTimeout(finish, timeoutMs);
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (!untilClosed && readReplies(received, methods).replies.length >= wanted) finish();
    });
    // A reset after the answer is how a server refuses to read more.
    socket.on('error', () => {});
    socket.once('close', () => {
      isClosed = true;
      finish();
    });
    void send(socket, Array.isArray(sent) ? sent : [sent as string | Buffer], options);
  });
}

async function send(socket: Socket, parts: readonly (string | Buffer)[], { betweenMs = 0, end }: RawOptions) {
  const closed = once(socket, 'close').catch(() => {});
  for (const [index, part] of parts.entries()) {
    if (index > 0 && betweenMs > 0) await new Promise((resolve) => setTimeout(resolve, betweenMs));
    if (socket.destroyed) return;
    const bytes = typeof part === 'string' ? Buffer.from(part, 'latin1') : part;
    if (!socket.write(bytes)) await Promise.race([once(socket, 'drain'), closed]).catch(() => {});
  }
  if (end) socket.end();
}

/** The whole answers in some bytes; informational ones are left out. */
function readReplies(bytes: Buffer, methods: readonly string[]): { replies: RawReply[]; rest: string } {
  const replies: RawReply[] = [];
  let at = 0;
  for (;;) {
    const end = bytes.indexOf('\r\n\r\n', at);
    if (end < 0) break;
    const head = bytes.toString('latin1', at, end);
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? Number.NaN);
    const headers = readHeaders(head);
    const isBodiless = methods[replies.length] === 'HEAD' || status < 200 || status === 204 || status === 304;
    const body = isBodiless ? { text: '', end: end + 4 } : readBody(bytes, end + 4, headers);
    if (!body) break;
    at = body.end;
    if (status >= 200) replies.push({ status, headers, head, body: body.text });
  }
  return { replies, rest: bytes.toString('latin1', at) };
}

function readHeaders(head: string): Record<string, string> {
  const headers: Record<string, string> = Object.create(null);
  for (const line of head.split('\r\n').slice(1)) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    headers[name] = name in headers ? `${headers[name]}, ${value}` : value;
  }
  return headers;
}

function readBody(bytes: Buffer, from: number, headers: Readonly<Record<string, string>>) {
  if (headers['transfer-encoding'] === 'chunked') return readChunks(bytes, from);
  const length = Number(headers['content-length'] ?? Number.NaN);
  // Without a length the body ends with the connection: all there is.
  if (Number.isNaN(length)) return { text: bytes.toString('utf8', from), end: bytes.length };
  return bytes.length < from + length
    ? undefined
    : { text: bytes.toString('utf8', from, from + length), end: from + length };
}

function readChunks(bytes: Buffer, from: number) {
  const parts: Buffer[] = [];
  for (let at = from; ; ) {
    const end = bytes.indexOf('\r\n', at);
    if (end < 0) return undefined;
    const size = Number.parseInt(bytes.toString('latin1', at, end), 16);
    const next = end + 2 + size + 2;
    if (Number.isNaN(size) || bytes.length < next) return undefined;
    if (size === 0) return { text: Buffer.concat(parts).toString('utf8'), end: next };
    parts.push(bytes.subarray(end + 2, end + 2 + size));
    at = next;
  }
}
