import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { collect } from './collect.ts';
import { Upstream } from './exchange.ts';

const der = (tag: number, ...parts: Buffer[]): Buffer => {
  const body = Buffer.concat(parts);
  const size =
    body.length < 128 ? Buffer.from([body.length]) : Buffer.from([0x82, body.length >> 8, body.length & 255]);
  return Buffer.concat([Buffer.from([tag]), size, body]);
};
const sequence = (...parts: Buffer[]) => der(0x30, ...parts);
const oid = (...bytes: number[]) => der(0x06, Buffer.from(bytes));
const time = (at: Date) => der(0x18, Buffer.from(at.toISOString().replace(/[-:T]|\.\d+/g, '')));

/** A self-signed certificate for one DNS name, for a day. */
function certificateFor(
  name: string,
  { privateKey, publicKey }: { privateKey: KeyObject; publicKey: KeyObject },
): string {
  const algorithm = sequence(oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02));
  const subject = sequence(der(0x31, sequence(oid(0x55, 0x04, 0x03), der(0x0c, Buffer.from(name)))));
  const names = sequence(oid(0x55, 0x1d, 0x11), der(0x04, sequence(der(0x82, Buffer.from(name)))));
  const facts = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.from([1])),
    algorithm,
    subject,
    sequence(time(new Date(Date.now() - 3_600_000)), time(new Date(Date.now() + 86_400_000))),
    subject,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(names)),
  );
  const whole = sequence(facts, algorithm, der(0x03, Buffer.from([0]), sign('sha256', facts, privateKey)));
  return `-----BEGIN CERTIFICATE-----\n${whole.toString('base64')}\n-----END CERTIFICATE-----\n`;
}

const trusted = getCACertificates('default');
let server: Server | undefined;
let upstream: Upstream;

afterEach(async () => {
  setDefaultCACertificates(trusted);
  await upstream.close(0);
  server?.close();
});

async function serve(name: string): Promise<{ url: string; certificate: string; connections: () => number }> {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const certificate = certificateFor(name, pair);
  let connections = 0;
  server = createServer(
    { key: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }), cert: certificate },
    (_request, response) => response.end('ok'),
  );
  server.on('secureConnection', () => connections++);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  upstream = new Upstream({ allowedAddresses: ['localhost'] });
  return {
    url: `https://localhost:${(server.address() as AddressInfo).port}/`,
    certificate,
    connections: () => connections,
  };
}

describe('an exchange over TLS', () => {
  it('reaches a host whose certificate is trusted, and keeps the connection', async () => {
    const { url, certificate, connections } = await serve('localhost');
    setDefaultCACertificates([certificate]);
    for (let count = 0; count < 3; count++)
      expect((await collect(upstream, { url, timeoutMs: 5000 })).body.toString()).toBe('ok');
    expect(connections()).toBe(1);
    expect((await collect(upstream, { url, guarded: true, timeoutMs: 5000 })).status).toBe(200);
    expect(connections()).toBe(2);
  });

  it.each([
    ['that nobody vouches for', 'localhost', 'DEPTH_ZERO_SELF_SIGNED_CERT'],
    ['of another name', 'other.example', 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ])('is refused for a certificate %s', async (_what, name, code) => {
    const { url, certificate } = await serve(name);
    if (name !== 'localhost') setDefaultCACertificates([certificate]);
    await expect(collect(upstream, { url, timeoutMs: 5000 })).rejects.toMatchObject({
      code: 'ERR_PROVIDER_CONNECTION',
      message: expect.stringContaining(code),
    });
  });
});
