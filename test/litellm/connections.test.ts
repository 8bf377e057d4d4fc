/** How connections to vendors are made, as `litellm_settings` say it, against vendors that speak TLS. */
import { execFileSync } from 'node:child_process';
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createPlainServer, type RequestListener } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterAll, expect, it } from 'vitest';
import { ask } from '../e2e/router-support.ts';
import { startGateway, startRefused } from '../support/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'rutter-tls-'));
const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
execFileSync('openssl', ['req', '-x509', ...curve, ...subject, '-keyout', 'key.pem', '-out', 'cert.pem'], {
  cwd: folder,
  stdio: 'ignore',
});
const key = readFileSync(join(folder, 'key.pem'), 'utf8');
const cert = readFileSync(join(folder, 'cert.pem'), 'utf8');

const reply: RequestListener = (request, response) => {
  const shown = (request.socket as TLSSocket).getPeerCertificate?.().subject?.CN ?? 'nobody';
  request.resume();
  response.writeHead(200, { 'content-type': 'application/json' });
  const message = { role: 'assistant', content: `said to ${shown}` };
  response.end(
    JSON.stringify({
      id: 'c',
      object: 'chat.completion',
      created: 1,
      model: 'm',
      choices: [{ index: 0, message, finish_reason: 'stop' }],
    }),
  );
};
const secure = createServer({ key, cert, ca: cert, requestCert: true, rejectUnauthorized: false }, reply);
const six = createPlainServer(reply);
const listening = async (server: Server, host: string) => {
  server.listen(0, host);
  await once(server, 'listening');
};
await listening(secure, '127.0.0.1');
const hasSix = await listening(six, '::1').then(
  () => true,
  () => false,
);
const named = async (name: string) =>
  (await lookup(name, { all: true }).catch(() => [])).some(({ address: found }) => found === '::1');
/** A name of this machine's IPv6 address, where it has one. */
const sixName = hasSix
  ? (await named('localhost'))
    ? 'localhost'
    : (await named('ip6-localhost'))
      ? 'ip6-localhost'
      : ''
  : '';

afterAll(() => {
  for (const server of [secure, six]) {
    server.closeAllConnections();
    server.close();
  }
  rmSync(folder, { recursive: true, force: true });
});

const files = { 'authority.pem': cert, 'both.pem': cert + key };
const address = `https://127.0.0.1:${(secure.address() as AddressInfo).port}/v1`;
const configOf = (litellm_settings: object, api_base = address) => ({
  model_list: [{ model_name: 'a', litellm_params: { model: 'openai/a', api_key: 'sk-x', api_base } }],
  router_settings: { num_retries: 0, disable_cooldowns: true },
  litellm_settings,
});

it('trusts no certificate that an unknown authority made', async () => {
  const gateway = await startGateway({ config: configOf({}), files });
  expect((await ask(gateway, 'a')).status).toBe(500);
  await gateway.stop();
});

it('checks no certificates where it is told so, by the file or by SSL_VERIFY', async () => {
  const [byFile, byVariable] = await Promise.all([
    startGateway({ config: configOf({ ssl_verify: false }), files }),
    startGateway({ config: configOf({}), files, env: { SSL_VERIFY: 'False' } }),
  ]);
  expect((await ask(byFile, 'a')).said).toBe('said to nobody');
  expect((await ask(byVariable, 'a')).said).toBe('said to nobody');
  // The file's word stands over the variable's, and a change takes effect on the next call.
  await byFile.writeConfig(configOf({ ssl_verify: true }));
  const status = async () => (await ask(byFile, 'a')).status;
  await expect.poll(status, { timeout: 10_000 }).toBe(500);
});

it('checks certificates of one deployment only, or of all but one, where the deployments say so', async () => {
  const config = (all: boolean, one: boolean) => ({
    ...configOf({ ssl_verify: all }),
    model_list: [
      { model_name: 'a', litellm_params: { model: 'openai/a', api_key: 'sk-x', api_base: address } },
      { model_name: 'own', litellm_params: { model: 'openai/a', api_key: 'sk-x', api_base: address, ssl_verify: one } },
    ],
  });
  const [checking, trusting] = await Promise.all([
    startGateway({ config: config(true, false), files }),
    startGateway({ config: config(false, true), files }),
  ]);
  expect((await ask(checking, 'own')).said).toBe('said to nobody');
  expect((await ask(checking, 'a')).status).toBe(500);
  expect((await ask(trusting, 'a')).said).toBe('said to nobody');
  expect((await ask(trusting, 'own')).status).toBe(500);
  // A change takes effect on the next call, although a connection is open.
  await checking.writeConfig(config(true, true));
  await expect.poll(async () => (await ask(checking, 'own')).status, { timeout: 10_000 }).toBe(500);
});

it('checks certificates by the authorities of a file, relative to the one that names it', async () => {
  const gateway = await startGateway({ config: configOf({ ssl_verify: 'authority.pem' }), files });
  expect((await ask(gateway, 'a')).said).toBe('said to nobody');
});

it('shows vendors the certificate it is given', async () => {
  const settings = { ssl_verify: './authority.pem', ssl_certificate: './both.pem' };
  const gateway = await startGateway({ config: configOf(settings), files });
  expect((await ask(gateway, 'a')).said).toBe('said to localhost');
});

it.each([
  [{ ssl_verify: 'missing.pem' }, 'ENOENT'],
  [{ ssl_verify: 'config.yaml' }, 'no certificate in PEM'],
  [{ ssl_certificate: 'authority.pem' }, 'without its key'],
])('does not start with %j, and says why', async (settings, found) => {
  const { code, output } = await startRefused({ config: configOf(settings), files });
  expect(code).toBe(1);
  expect(output).toContain(found);
});

it.skipIf(sixName === '')('calls by IPv4 only where it is told so', async () => {
  const base = `http://${sixName}:${(six.address() as AddressInfo).port}/v1`;
  const [either, four] = await Promise.all([
    startGateway({ config: configOf({}, base) }),
    startGateway({ config: configOf({ force_ipv4: true }, base) }),
  ]);
  expect((await ask(either, 'a')).said).toBe('said to nobody');
  expect((await ask(four, 'a')).status).toBe(500);
});
