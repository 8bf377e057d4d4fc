/** HTTPS with a certificate of one's own, and what comes to its port that is none. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request as askTls } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterAll, expect, it } from 'vitest';
import {
  type GatewayOptions,
  openAiDeployment,
  openAiVendor,
  startGateway,
  startRefused,
  startVendor,
} from '../support/index.ts';
import { auth, canaries, chatBody } from './edge-bench.ts';
import { exchangeRaw } from './edge-raw.ts';

const folder = mkdtempSync(join(tmpdir(), 'rutter-tls-'));
execFileSync(
  'openssl',
  [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-days',
    '2',
    '-subj',
    '/CN=localhost',
    '-addext',
    'subjectAltName=DNS:localhost,IP:127.0.0.1',
    '-keyout',
    'key.pem',
    '-out',
    'cert.pem',
  ],
  { cwd: folder, stdio: 'ignore' },
);
const key = readFileSync(join(folder, 'key.pem'), 'utf8');
const cert = readFileSync(join(folder, 'cert.pem'), 'utf8');

const vendor = await startVendor(openAiVendor({ reply: 'two words' }));
const config = {
  model_list: [openAiDeployment('house', vendor, { api_key: canaries.vendor })],
  general_settings: { master_key: canaries.master },
};
const files = { 'key.pem': key, 'cert.pem': cert };
const both = ['--ssl-keyfile', 'key.pem', '--ssl-certfile', 'cert.pem'];
const gateway = await startGateway({ config, files, args: both });

afterAll(async () => {
  await gateway.stop();
  rmSync(folder, { recursive: true, force: true });
});

function ask(body: string): Promise<{ status: number | undefined; text: string }> {
  return new Promise((resolve, reject) => {
    const options = {
      method: 'POST',
      ca: cert,
      headers: { authorization: `Bearer ${canaries.master}`, 'content-type': 'application/json' },
    };
    const sent = askTls(
      `https://localhost:${gateway.port}/v1/chat/completions`,
      { ...options, host: '127.0.0.1' },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode, text }));
      },
    );
    sent.on('error', reject).end(body);
  });
}

it('is spoken, whole replies and streams alike', async () => {
  expect(gateway.url).toBe(`https://127.0.0.1:${gateway.port}`);
  expect(await ask(chatBody())).toMatchObject({ status: 200, text: expect.stringContaining('two words') });
  const stream = await ask(chatBody({ stream: true }));
  expect(stream.text).toContain('data: [DONE]');
});

it('answers errors in the envelope', async () => {
  expect(await ask('{')).toMatchObject({ status: 400, text: expect.stringContaining('ERR_REQUEST_INVALID') });
});

it('wants TLS 1.2 at least, and offers HTTP/1.1', async () => {
  const protocol = await new Promise<string | false | null>((resolve) => {
    const socket = connectTls(
      { port: gateway.port, host: '127.0.0.1', ca: cert, servername: 'localhost', ALPNProtocols: ['h2', 'http/1.1'] },
      () => {
        resolve(socket.alpnProtocol);
        socket.destroy();
      },
    );
  });
  expect(protocol).toBe('http/1.1');
  const old = await new Promise<boolean>((resolve) => {
    const socket = connectTls(
      {
        port: gateway.port,
        host: '127.0.0.1',
        ca: cert,
        servername: 'localhost',
        maxVersion: 'TLSv1.1',
        minVersion: 'TLSv1',
      },
      () => resolve(true),
    );
    socket.on('error', () => resolve(false));
  });
  expect(old).toBe(false);
});

it('closes connections that speak something else, and goes on', async () => {
  const plain = await exchangeRaw(gateway, `GET /v1/models HTTP/1.1\r\nhost: g\r\n${auth}\r\n\r\n`, {
    untilClosed: true,
    timeoutMs: 4000,
  });
  expect(plain.isClosed).toBe(true);
  expect(plain.replies.every(({ status }) => status >= 400)).toBe(true);
  for (const bytes of [Buffer.alloc(0), Buffer.from('160301', 'hex'), Buffer.alloc(5000, 0x16)]) {
    const socket = connect(gateway.port, '127.0.0.1');
    await new Promise<void>((resolve) => socket.write(bytes, () => resolve()));
    socket.resetAndDestroy();
  }
  expect((await ask(chatBody())).status).toBe(200);
  expect(gateway.output()).not.toContain(canaries.master);
  expect(gateway.output()).not.toContain('PRIVATE KEY');
});

const refusals: readonly (readonly [string, Partial<GatewayOptions>, RegExp])[] = [
  [
    'a key without its certificate',
    { files, args: both.slice(0, 2) },
    /one of --ssl-keyfile and --ssl-certfile; expected both/,
  ],
  ['a file that is not there', { files: { 'cert.pem': cert }, args: both }, /key\.pem cannot be read/],
  ['a file that holds no key', { files: { ...files, 'key.pem': 'hello' }, args: both }, /key|PEM/i],
  ['a key of another certificate', { files: { ...files, 'key.pem': otherKey() }, args: both }, /key|mismatch/i],
];

function otherKey(): string {
  return execFileSync('openssl', ['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:prime256v1'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  }).toString();
}

it.each(refusals)('does not start with %s, and says so without showing it', async (_title, options, says) => {
  const end = await startRefused({ config, ...options });
  expect(end.code).toBe(1);
  expect(end.output).toMatch(says);
  expect(end.output).not.toMatch(/-----BEGIN|^\s+at /m);
});
