import { EventEmitter, once } from 'node:events';
import { createServer as createTcpServer } from 'node:net';
import { RutterError } from '@rutter/plugin-sdk';
import { afterEach, describe, expect, it } from 'vitest';
import { closeAll, listen, okReply, run, serveHttp, serveTcp, start, upstreamWith } from './exchange.fixture.ts';

afterEach(closeAll);

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
