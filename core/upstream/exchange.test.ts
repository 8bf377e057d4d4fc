import { EventEmitter, once } from 'node:events';
import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { RutterError } from '@rutter/plugin-sdk';
import { afterEach, describe, expect, it } from 'vitest';
import { closeAll, listen, okReply, run, serveHttp, serveTcp, start, upstreamWith } from './exchange.fixture.ts';
import { Upstream } from './exchange.ts';

afterEach(closeAll);

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

  it('takes a reply that comes before the body has been sent, and goes on with the next exchange', async () => {
    const url = await serveHttp((request, response) => {
      if (request.url === '/large') response.writeHead(413).end('no');
      else request.resume().on('end', () => response.end('ok'));
    });
    async function* endless() {
      while (true) {
        yield Buffer.alloc(64 * 1024);
        await delay(1);
      }
    }
    const upstream = upstreamWith({ connections: 1 });
    const [large, small] = await Promise.all([
      run(upstream, `${url}/large`, { body: endless() }),
      run(upstream, `${url}/small`),
    ]);
    expect([large.status, large.text]).toEqual([413, 'no']);
    expect(small.text).toBe('ok');
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
