import { EventEmitter, once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket, type Server as TcpServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { RutterError } from '@rutter/plugin-sdk';
import { afterEach, describe, expect, it } from 'vitest';
import { Upstream, type UpstreamOptions } from './exchange.ts';
import type { Exchange, ExchangeListener, ExchangeRequest } from './types.ts';

/** Writes down what it hears. */
class Recorder extends EventEmitter implements ExchangeListener {
  status = 0;
  headers: Readonly<Record<string, string>> = {};
  readonly calls: string[] = [];
  readonly chunks: Buffer[] = [];
  received = 0;
  error: RutterError | undefined;
  keepsBytes = true;

  onHead(status: number, headers: Readonly<Record<string, string>>): void {
    this.calls.push('head');
    this.status = status;
    this.headers = headers;
    this.emit('head');
  }

  onData(chunk: Buffer): void {
    if (this.calls.at(-1) !== 'data') this.calls.push('data');
    this.received += chunk.length;
    if (this.keepsBytes) this.chunks.push(chunk);
    this.emit('data');
  }

  onEnd(): void {
    this.calls.push('end');
    this.emit('over');
  }

  onError(error: Error): void {
    this.calls.push('error');
    this.error = error as RutterError;
    this.emit('over');
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString();
  }
}

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function upstreamWith(options: UpstreamOptions = {}): Upstream {
  const upstream = new Upstream(options);
  cleanups.push(() => upstream.close(0));
  return upstream;
}

async function listen(server: Server | TcpServer): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(() => {
    if ('closeAllConnections' in server) server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const serveHttp = (handler: RequestListener): Promise<string> => listen(createServer(handler));

const serveTcp = (handler: (socket: Socket) => void): Promise<string> =>
  listen(
    createTcpServer((socket) => {
      socket.on('error', () => {});
      handler(socket);
    }),
  );

function start(
  upstream: Upstream,
  url: string,
  change: Partial<ExchangeRequest> = {},
): { heard: Recorder; exchange: Exchange } {
  const heard = new Recorder();
  const request = {
    url,
    method: 'POST',
    headers: {},
    body: '{}',
    connectTimeoutMs: 2000,
    maxReplyBytes: 1 << 20,
    guarded: false,
  };
  return { heard, exchange: upstream.exchange({ ...request, ...change }, heard) };
}

async function run(upstream: Upstream, url: string, change: Partial<ExchangeRequest> = {}): Promise<Recorder> {
  const { heard } = start(upstream, url, change);
  await once(heard, 'over');
  return heard;
}

const okReply = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';

describe('a complete exchange', () => {
  it('sends method, path, headers and bytes, and hands over head, data and end in order', async () => {
    const url = await serveHttp(async (request, response) => {
      const parts: Buffer[] = [];
      for await (const part of request) parts.push(part);
      response.setHeader('X-Twice', ['a', 'b']);
      response.end(
        JSON.stringify({
          method: request.method,
          url: request.url,
          key: request.headers['x-key'],
          length: request.headers['content-length'],
          body: Buffer.concat(parts).toString(),
        }),
      );
    });
    const heard = await run(upstreamWith(), `${url}/v1/chat?x=1`, {
      headers: { 'x-key': 'k' },
      body: Buffer.from('grüße'),
    });
    expect(heard.calls).toEqual(['head', 'data', 'end']);
    expect(heard.status).toBe(200);
    expect(heard.headers['x-twice']).toBe('a, b');
    expect(JSON.parse(heard.text)).toEqual({
      method: 'POST',
      url: '/v1/chat?x=1',
      key: 'k',
      length: '7',
      body: 'grüße',
    });
  });

  it('streams an iterable body and closes the iterable when the exchange is aborted', async () => {
    const arrived = new EventEmitter();
    const url = await serveHttp((request) => request.on('data', (chunk) => arrived.emit('chunk', String(chunk))));
    const returned = Promise.withResolvers<string>();
    let count = 0;
    const body: AsyncIterable<Uint8Array> = {
      [Symbol.asyncIterator]: () => ({
        next: () =>
          count++ === 0 ? Promise.resolve({ done: false, value: Buffer.from('first') }) : new Promise(() => {}),
        return: () => {
          returned.resolve('returned');
          return Promise.resolve({ done: true, value: undefined });
        },
      }),
    };
    const { exchange, heard } = start(upstreamWith(), url, { body });
    expect(await once(arrived, 'chunk')).toEqual(['first']);
    exchange.abort(new RutterError('ERR_REQUEST_ABORTED', 'left'));
    expect(heard.error?.message).toBe('left');
    expect(await returned.promise).toBe('returned');
  });

  it('ends with ERR_REQUEST_ABORTED when the body breaks off', async () => {
    const url = await serveHttp((request) => request.resume());
    async function* body() {
      yield Buffer.from('first');
      throw new Error('client vanished with sk-123');
    }
    const heard = await run(upstreamWith(), url, { body: body() });
    expect(heard.error).toMatchObject({ code: 'ERR_REQUEST_ABORTED' });
    expect(heard.error?.message).not.toContain('sk-123');
  });

  it('hands a redirect over as it is and follows nothing', async () => {
    let visits = 0;
    const url = await serveHttp((_request, response) => {
      visits++;
      response.writeHead(307, { location: '/elsewhere' }).end();
    });
    const heard = await run(upstreamWith(), url);
    expect(heard.status).toBe(307);
    expect(heard.headers.location).toBe('/elsewhere');
    expect(visits).toBe(1);
  });

  it('passes over informational replies', async () => {
    const url = await serveTcp((socket) =>
      socket.once('data', () => socket.write(`HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n${okReply}`)),
    );
    const heard = await run(upstreamWith(), url);
    expect(heard.calls).toEqual(['head', 'data', 'end']);
    expect(heard.status).toBe(200);
  });

  it('reads nothing on while paused', async () => {
    const url = await serveHttp((_request, response) => {
      const piece = Buffer.alloc(64 * 1024);
      const write = () => {
        while (response.write(piece));
        response.once('drain', write);
      };
      write();
    });
    const { heard, exchange } = start(upstreamWith(), url, { maxReplyBytes: 1 << 30 });
    heard.keepsBytes = false;
    await once(heard, 'data');
    exchange.pause();
    await delay(50);
    const before = heard.received;
    await delay(100);
    expect(heard.received).toBe(before);
    exchange.resume();
    await once(heard, 'data');
    expect(heard.received).toBeGreaterThan(before);
    exchange.abort(new RutterError('ERR_REQUEST_ABORTED', 'done'));
  });

  it('uses one connection again and opens no more than its bound', async () => {
    const sockets = new Set<Socket>();
    let most = 0;
    let running = 0;
    const url = await serveHttp((request, response) => {
      sockets.add(request.socket);
      most = Math.max(most, ++running);
      setTimeout(() => {
        running--;
        response.end('ok');
      }, 5);
    });
    const upstream = upstreamWith({ connections: 3 });
    const all = await Promise.all(Array.from({ length: 12 }, () => run(upstream, url)));
    expect(all.every(({ text }) => text === 'ok')).toBe(true);
    expect(most).toBe(3);
    expect(sockets.size).toBe(3);
    expect(upstream.stats).toEqual({ origins: 1, active: 0 });
  });

  it('refuses an exchange when four times its connections already wait', async () => {
    const url = await serveHttp(() => {});
    const upstream = upstreamWith({ connections: 1 });
    const held = Array.from({ length: 5 }, () => start(upstream, url));
    expect((await run(upstream, url)).error).toMatchObject({ code: 'ERR_PROVIDER_OVERLOADED' });
    for (const { exchange } of held) exchange.abort(new RutterError('ERR_REQUEST_ABORTED', 'x'));
    expect(upstream.stats.active).toBe(0);
  });

  it('closes the origin idle longest when there are too many', async () => {
    const closed: string[] = [];
    const serve = (name: string) => {
      const server = createServer((_request, response) => response.end('ok'));
      server.on('connection', (socket) => socket.on('close', () => closed.push(name)));
      return listen(server);
    };
    const [a, b, c] = await Promise.all([serve('a'), serve('b'), serve('c')]);
    const upstream = upstreamWith({ maxOrigins: 2 });
    await run(upstream, a);
    await run(upstream, b);
    await run(upstream, a);
    await run(upstream, c);
    await expect.poll(() => closed).toEqual(['b']);
    expect(upstream.stats.origins).toBe(2);
  });
});

describe('failures', () => {
  it('are ERR_PROVIDER_CONNECTION when the port refuses, with neither query nor path in the message', async () => {
    const server = createTcpServer();
    const url = await listen(server);
    server.close();
    const { error } = await run(upstreamWith(), `${url}/secret-path?key=sk-123`);
    expect(error).toMatchObject({ code: 'ERR_PROVIDER_CONNECTION' });
    expect(error?.message).toBe(`The connection to ${url} could not be opened (ECONNREFUSED).`);
  });

  it('are ERR_PROVIDER_CONNECTION when the name does not resolve', async () => {
    const { error } = await run(upstreamWith(), 'http://no-such-host.invalid/x');
    expect(error).toMatchObject({ code: 'ERR_PROVIDER_CONNECTION' });
  });

  it('are ERR_PROVIDER_TIMEOUT when TLS does not come up in time, and name the connect and its milliseconds', async () => {
    const url = await serveTcp(() => {});
    const before = performance.now();
    const { error } = await run(upstreamWith(), url.replace('http:', 'https:'), { connectTimeoutMs: 120 });
    expect(error).toMatchObject({ code: 'ERR_PROVIDER_TIMEOUT' });
    expect(error?.message).toMatch(/No connect to https:.* within 120 ms/);
    expect(performance.now() - before).toBeLessThan(370);
  });

  it.each([
    ['before the head', ''],
    ['in the head', 'HTTP/1.1 200 OK\r\nconte'],
    ['in a body of known length', 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc'],
    ['in a chunked body', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n'],
    [
      'in a chunked body of the last reply',
      'HTTP/1.1 200 OK\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n',
    ],
  ])('are ERR_PROVIDER_CONNECTION when the socket closes or resets %s', async (_where, bytes) => {
    let count = 0;
    const closing = await serveTcp((socket) =>
      socket.once('data', () => {
        count++;
        socket.end(bytes);
      }),
    );
    const resetting = await serveTcp((socket) =>
      socket.once('data', () => socket.write(bytes, () => setTimeout(() => socket.resetAndDestroy(), 10))),
    );
    const upstream = upstreamWith();
    for (const url of [closing, resetting]) {
      const heard = await run(upstream, url);
      expect(heard.error).toMatchObject({ code: 'ERR_PROVIDER_CONNECTION' });
      expect(heard.calls.filter((call) => call === 'error' || call === 'end')).toEqual(['error']);
    }
    expect(count).toBe(1);
  });

  it('are ERR_PROVIDER_MALFORMED when the reply is not HTTP', async () => {
    const url = await serveTcp((socket) => socket.once('data', () => socket.end('SSH-2.0-OpenSSH\r\n')));
    expect((await run(upstreamWith(), url)).error).toMatchObject({ code: 'ERR_PROVIDER_MALFORMED' });
  });

  it('are ERR_PROVIDER_MALFORMED when the headers do not end', async () => {
    let sent = 0;
    const url = await serveTcp((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n');
      const line = `x-header: ${'a'.repeat(1000)}\r\n`;
      const write = () => {
        while (socket.writable && socket.write(line)) sent += line.length;
      };
      socket.on('drain', write).on('data', write);
    });
    expect((await run(upstreamWith(), url)).error).toMatchObject({
      code: 'ERR_PROVIDER_MALFORMED',
      message: expect.stringContaining('65536 bytes of headers'),
    });
    expect(sent).toBeLessThan(50 << 20);
  });

  it('stop a body of a gigabyte at the cap, in bounded memory', async () => {
    let socketClosed = false;
    const url = await serveHttp((_request, response) => {
      response.writeHead(200, { 'content-length': String(1 << 30) });
      const piece = Buffer.alloc(256 * 1024);
      const write = () => {
        while (!response.destroyed && response.write(piece));
        response.once('drain', write);
      };
      response.on('close', () => {
        socketClosed = true;
      });
      write();
    });
    const before = process.memoryUsage().rss;
    const { heard } = start(upstreamWith(), url, { maxReplyBytes: 8 << 20 });
    heard.keepsBytes = false;
    await once(heard, 'over');
    expect(heard.error).toMatchObject({
      code: 'ERR_PROVIDER_MALFORMED',
      message: expect.stringContaining('8388608 bytes'),
    });
    expect(heard.received).toBeLessThanOrEqual(8 << 20);
    expect(process.memoryUsage().rss - before).toBeLessThan(100 << 20);
    await expect.poll(() => socketClosed).toBe(true);
  });

  it.each([
    ['ftp://host/x', 'ftp:'],
    ['http://user:sk-123@host/x', 'user name'],
    ['no address sk-123', 'not a URL'],
  ])('are ERR_REQUEST_INVALID for the address %s', async (url, word) => {
    const { error } = await run(upstreamWith(), url);
    expect(error).toMatchObject({ code: 'ERR_REQUEST_INVALID', message: expect.stringContaining(word) });
    expect(error?.message).not.toContain('sk-123');
  });

  it('are ERR_REQUEST_INVALID for a header that would break the request, without its value', async () => {
    const url = await serveHttp((_request, response) => response.end());
    const { error } = await run(upstreamWith(), url, { headers: { authorization: 'Bearer sk-123\r\nx: y' } });
    expect(error).toMatchObject({ code: 'ERR_REQUEST_INVALID' });
    expect(error?.message).not.toContain('sk-123');
  });

  it('of a listener end its exchange and close the socket', async () => {
    const url = await serveHttp((_request, response) => response.end('ok'));
    const upstream = upstreamWith();
    for (const method of ['onHead', 'onData', 'onEnd'] as const) {
      const { heard } = start(upstream, url);
      heard[method] = () => {
        throw new Error('bug');
      };
      await once(heard, 'over');
      expect(heard.error).toMatchObject({ code: 'ERR_KERNEL_INTERNAL' });
    }
    expect(upstream.stats.active).toBe(0);
  });
});

describe('a connection kept alive that the server has closed', () => {
  /** Answers the first request of each connection and resets at the second, before any byte. */
  async function staleServer() {
    const counts = { connections: 0, requests: 0 };
    const url = await serveTcp((socket) => {
      counts.connections++;
      let isFirst = true;
      socket.on('data', () => {
        counts.requests++;
        if (isFirst) socket.write(okReply);
        else socket.resetAndDestroy();
        isFirst = false;
      });
    });
    return { url, counts };
  }

  it('is replaced once, unseen by the listener', async () => {
    const { url, counts } = await staleServer();
    const upstream = upstreamWith();
    await run(upstream, url);
    const heard = await run(upstream, url);
    expect(heard.calls).toEqual(['head', 'data', 'end']);
    expect(counts).toEqual({ connections: 2, requests: 3 });
  });

  it('fails an exchange whose body cannot be sent again', async () => {
    const { url, counts } = await staleServer();
    const upstream = upstreamWith();
    await run(upstream, url);
    async function* body() {
      yield Buffer.from('once');
    }
    expect((await run(upstream, url, { body: body() })).error).toMatchObject({ code: 'ERR_PROVIDER_CONNECTION' });
    expect(counts.connections).toBe(1);
  });

  it('is not replaced once a byte of the reply has come', async () => {
    let connections = 0;
    const url = await serveTcp((socket) => {
      connections++;
      let isFirst = true;
      socket.on('data', () => {
        if (isFirst) socket.write(okReply);
        else socket.end('HTTP/1.1 20');
        isFirst = false;
      });
    });
    const upstream = upstreamWith();
    await run(upstream, url);
    expect((await run(upstream, url)).error).toMatchObject({ code: 'ERR_PROVIDER_CONNECTION' });
    expect(connections).toBe(1);
  });
});

describe('abort', () => {
  const left = new RutterError('ERR_REQUEST_ABORTED', 'The client left.');

  it.each(['before the head', 'in the body'])(
    'closes the upstream within 100 ms %s, and onError is the last call',
    async (where) => {
      const closedAt = Promise.withResolvers<number>();
      const asked = new EventEmitter();
      const url = await serveHttp((request, response) => {
        request.socket.on('close', () => closedAt.resolve(performance.now()));
        if (where === 'in the body') response.write('x');
        asked.emit('request');
      });
      const { heard, exchange } = start(upstreamWith(), url);
      await (where === 'in the body' ? once(heard, 'data') : once(asked, 'request'));
      const abortedAt = performance.now();
      exchange.abort(left);
      expect(heard.error).toBe(left);
      exchange.abort(new RutterError('ERR_KERNEL_INTERNAL', 'again'));
      expect((await closedAt.promise) - abortedAt).toBeLessThan(100);
      expect(heard.error).toBe(left);
      expect(heard.calls.at(-1)).toBe('error');
    },
  );

  it('ends an exchange that is still connecting, and its socket', async () => {
    const accepted = new EventEmitter();
    const url = await serveTcp((socket) => {
      socket.resume().on('close', () => accepted.emit('closed'));
      accepted.emit('open');
    });
    const { heard, exchange } = start(upstreamWith(), url.replace('http:', 'https:'), { connectTimeoutMs: 60_000 });
    await once(accepted, 'open');
    exchange.abort(left);
    expect(heard.calls).toEqual(['error']);
    await once(accepted, 'closed');
  });

  it('takes an exchange that waits for a connection out of the line', async () => {
    const urls: string[] = [];
    const url = await serveHttp((request, response) => {
      urls.push(request.url ?? '');
      setTimeout(() => response.end(), 20);
    });
    const upstream = upstreamWith({ connections: 1 });
    const first = run(upstream, `${url}/1`);
    const { heard, exchange } = start(upstream, `${url}/2`);
    const third = run(upstream, `${url}/3`);
    exchange.abort(left);
    await Promise.all([first, third]);
    expect(heard.calls).toEqual(['error']);
    expect(urls).toEqual(['/1', '/3']);
  });
});

describe('close', () => {
  it('lets exchanges finish until the deadline, ends the others and takes no more', async () => {
    const url = await serveHttp((request, response) => {
      if (request.url === '/quick') setTimeout(() => response.end('ok'), 30);
    });
    const upstream = new Upstream();
    const quick = run(upstream, `${url}/quick`);
    const slow = run(upstream, `${url}/slow`);
    await upstream.close(100);
    expect((await quick).text).toBe('ok');
    expect((await slow).error).toMatchObject({ code: 'ERR_KERNEL_DRAINING' });
    expect((await run(upstream, url)).error).toMatchObject({ code: 'ERR_KERNEL_DRAINING' });
  });

  it('returns as soon as the last exchange has ended', async () => {
    const url = await serveHttp((_request, response) => void setTimeout(() => response.end('ok'), 20));
    const upstream = new Upstream();
    const last = run(upstream, url);
    const before = performance.now();
    await upstream.close(10_000);
    expect(performance.now() - before).toBeLessThan(2000);
    expect((await last).text).toBe('ok');
  });
});
