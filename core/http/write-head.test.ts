import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { headerRecord, writeHead } from './write-head.ts';

const servers: ReturnType<typeof createServer>[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function answered(answer: (response: ServerResponse) => void): Promise<Response> {
  const server = createServer((_request, response) => {
    answer(response);
    response.end();
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
}

it('sends a flat list as it stands', async () => {
  const reply = await answered((response) => writeHead(response, 201, ['x-a', '1', 'x-b', 'two words']));
  expect(reply.status).toBe(201);
  expect([reply.headers.get('x-a'), reply.headers.get('x-b')]).toEqual(['1', 'two words']);
});

it('lets nobody add a header, nor anything else that cannot stand in one', async () => {
  const reply = await answered((response) =>
    writeHead(response, 200, ['x-route', 'fastest\r\nx-evil: 日', 'x-b', 'kept']),
  );
  expect(reply.headers.get('x-route')).toBe('fastest??x-evil: ?');
  expect(reply.headers.get('x-evil')).toBeNull();
  expect(reply.headers.get('x-b')).toBe('kept');
});

it('refuses a name that is none', () => {
  const response = {
    writeHead: () => {
      throw Object.assign(new TypeError('bad name'), { code: 'ERR_INVALID_HTTP_TOKEN' });
    },
  };
  expect(() => writeHead(response as unknown as ServerResponse, 200, ['a b', 'c'])).toThrow('bad name');
});

it('makes a record in which the last of a name wins', () => {
  expect(headerRecord(['a', '1', 'b', '2', 'a', '3'])).toEqual({ a: '3', b: '2' });
});
