/** Who may do what: keys in every header, every route without one, a key that may only call models, and health. */
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openAiDeployment, openAiVendor, root, startGateway, startVendor } from '../support/index.ts';
import { canaries, chatBody, envelope } from './edge-bench.ts';
import { exchangeRaw, type RawReply, rawRequest } from './edge-raw.ts';

const caller = 'sk-canary-of-a-caller-0042';
const [vendor, failing, silent] = await Promise.all([
  startVendor(openAiVendor()),
  startVendor(openAiVendor({ status: 500 })),
  startVendor(() => {}),
]);
const gateway = await startGateway({
  config: {
    plugins: [
      {
        use: join(root, 'test/contract/tenant-limits'),
        trust: true,
        config: { keys: [{ key: caller, id: 'caller' }] },
      },
    ],
    model_list: [
      openAiDeployment('house', vendor, { api_key: canaries.vendor }),
      openAiDeployment('failing', failing, { api_key: canaries.vendor }),
      openAiDeployment('silent', silent, { api_key: canaries.vendor }, { health_check_timeout: 0.3 }),
    ],
    general_settings: { master_key: canaries.master, litellm_key_header_name: 'X-House-Key' },
  },
});

afterAll(() => gateway.stop());

async function ask(line: string, headers: readonly string[] = [], body?: string): Promise<RawReply> {
  const type = body === undefined ? [] : ['content-type: application/json'];
  const method = line.split(' ')[0] ?? '';
  const { replies } = await exchangeRaw(gateway, rawRequest(`${line} HTTP/1.1`, [...headers, ...type], body), {
    methods: [method],
  });
  expect(replies).toHaveLength(1);
  return replies[0] as RawReply;
}

const master = `authorization: Bearer ${canaries.master}`;
const wrong = 'sk-wrong-canary-000000001';

describe('a key', () => {
  const names = [
    'x-litellm-api-key',
    'authorization',
    'api-key',
    'x-api-key',
    'x-goog-api-key',
    'ocp-apim-subscription-key',
  ];
  const line = (name: string, key: string) => `${name}: ${name === 'authorization' ? 'Bearer ' : ''}${key}`;

  it.each(['x-house-key', ...names])('opens the gateway in %s, and a wrong one there does not', async (name) => {
    expect((await ask('GET /v1/models', [line(name, canaries.master)])).status).toBe(200);
    const refused = await ask('GET /v1/models', [line(name, wrong)]);
    expect(refused.status).toBe(401);
    expect(envelope(refused.body)).toMatchObject({
      type: 'auth_error',
      code: '401',
      rutter_code: 'ERR_REQUEST_UNAUTHENTICATED',
    });
    expect(refused.headers['www-authenticate']).toBe('Bearer');
    expect(refused.head + refused.body).not.toContain(wrong);
  });

  it('in the first header that has one decides, whatever the others hold', async () => {
    const order = ['x-house-key', ...names];
    for (const [at, name] of order.slice(0, -1).entries()) {
      const next = order[at + 1] ?? '';
      expect((await ask('GET /v1/models', [line(next, wrong), line(name, canaries.master)])).status).toBe(200);
      expect((await ask('GET /v1/models', [line(next, canaries.master), line(name, wrong)])).status).toBe(401);
    }
  });

  it('may come as Basic, with its scheme in any letters, or inside a signature', async () => {
    const basic = Buffer.from(`:${canaries.master}`).toString('base64');
    const spelt = [
      `Basic ${basic}`,
      `bearer ${canaries.master}`,
      `BEARER  ${canaries.master}`,
      `AWS4-HMAC-SHA256 Credential=Bearer ${canaries.master}/x, Signature=0`,
    ];
    for (const value of spelt) expect((await ask('GET /v1/models', [`authorization: ${value}`])).status).toBe(200);
  });

  it.each([
    ['no header at all', [], '/v1/models'],
    ['an empty one', ['authorization:', 'x-api-key:'], '/v1/models'],
    ['a scheme nobody knows', [`authorization: Token ${canaries.master}`], '/v1/models'],
    ['the address, outside the routes that take it there', [], `/v1/models?key=${canaries.master}`],
    ['a cookie', [`cookie: key=${canaries.master}`], '/v1/models'],
    ['a part of the key', [`x-api-key: ${canaries.master.slice(0, -1)}`], '/v1/models'],
    ['the key and more', [`x-api-key: ${canaries.master}0`], '/v1/models'],
    ['the key in other letters', [`x-api-key: ${canaries.master.toUpperCase()}`], '/v1/models'],
    ['two keys in one header', [`x-api-key: ${canaries.master}`, `x-api-key: ${wrong}`], '/v1/models'],
  ])('is not found in %s', async (_title, headers, path) => {
    const { status, body } = await ask(`GET ${path}`, headers);
    expect(status).toBe(401);
    expect(body).not.toContain(canaries.master);
  });

  it('is asked for ahead of everything in the body', async () => {
    expect((await ask('POST /v1/chat/completions', [], '{broken')).status).toBe(401);
    expect((await ask('POST /v1/chat/completions', [`x-api-key: ${wrong}`], chatBody())).status).toBe(401);
    expect(vendor.requests).toEqual([]);
  });
});

interface Listed {
  readonly method: string;
  readonly path: string;
  readonly permission: string;
  readonly owner: string;
}

const listed = (JSON.parse((await ask('GET /routes', [master])).body) as { routes: Listed[] }).routes;
const concrete = (path: string) => path.replace(/[:*]\w+/g, 'some');
const guarded = listed.filter(({ permission }) => permission !== 'public');
const open = listed.filter(({ permission }) => permission === 'public');
const bodyOf = (method: string) => (method === 'GET' ? undefined : '{}');

describe('a route of GET /routes', () => {
  it('is public only where it is a probe of health', () => {
    expect(open.map(({ path }) => path).sort()).toEqual([
      '/_health/live',
      '/_health/ready',
      '/health/liveliness',
      '/health/liveness',
      '/health/readiness',
    ]);
    expect(guarded.length).toBeGreaterThan(20);
  });

  it.each(guarded)('$method $path wants a key, and a right one', async ({ method, path }) => {
    const line = `${method} ${concrete(path)}`;
    expect((await ask(line, [], bodyOf(method))).status).toBe(401);
    expect((await ask(line, [`x-api-key: ${wrong}`], bodyOf(method))).status).toBe(401);
    if (method === 'GET') expect((await ask(`HEAD ${concrete(path)}`)).status).toBe(401);
  });

  it.each(open)('$method $path wants none, and minds none', async ({ path }) => {
    expect((await ask(`GET ${path}`)).status).toBe(200);
    expect((await ask(`GET ${path}`, [`x-api-key: ${wrong}`])).status).toBe(200);
  });

  it.each(guarded)(
    '$method $path is open to a key for models alone only if it is for models',
    async ({ method, path, permission }) => {
      const { status, body } = await ask(`${method} ${concrete(path)}`, [`x-api-key: ${caller}`], bodyOf(method));
      const isOwn = permission === 'model.call' || permission === 'model.read';
      if (isOwn) expect([200, 400, 404]).toContain(status);
      else {
        expect(status).toBe(403);
        expect(envelope(body).message).toContain(permission);
      }
    },
  );

  it('cannot be had by another spelling of its path', async () => {
    for (const path of [
      '/Admin/plugins',
      '/admin//plugins',
      '/admin/plugins;x',
      '/admin/plugins%2f',
      '/%61dmin/plugins',
      '/./admin/plugins',
      '/admin/plugins/',
      '/admin/plugins?',
    ])
      expect([401, 404]).toContain((await ask(`GET ${path}`)).status);
  });
});

describe('health', () => {
  it('is told to probes without a key and without details', async () => {
    expect((await ask('GET /health/liveliness')).body).toBe('"I\'m alive!"');
    expect((await ask('GET /health/liveness')).body).toBe('"I\'m alive!"');
    expect(JSON.parse((await ask('GET /_health/live')).body)).toEqual({ status: 'alive', service: 'rutter' });
    for (const path of ['/_health/ready', '/health/readiness']) {
      const ready = JSON.parse((await ask(`GET ${path}`)).body);
      expect(ready).toMatchObject({ status: 'ready', generation: 1 });
      expect(JSON.stringify(ready)).not.toMatch(/127\.0\.0\.1|house|canary/i);
    }
  });

  it('is told to administrators from real calls, one to each deployment and as small as can be', async () => {
    const counts = [vendor, failing, silent].map(({ requests }) => requests.length);
    const startedAt = performance.now();
    const { status, body } = await ask('GET /health', [master]);
    expect(performance.now() - startedAt).toBeLessThan(3000);
    expect(status).toBe(200);
    const report = JSON.parse(body);
    expect(report).toMatchObject({ healthy_count: 1, unhealthy_count: 2 });
    expect(report.healthy_endpoints.map(({ model }: { model: string }) => model)).toEqual(['house']);
    const errors = Object.fromEntries(
      report.unhealthy_endpoints.map(({ model, error }: { model: string; error: string }) => [model, error]),
    );
    expect(errors).toMatchObject({
      failing: expect.stringContaining('ERR_PROVIDER_INTERNAL'),
      silent: expect.stringContaining('within 300 ms'),
    });
    expect([vendor, failing, silent].map(({ requests }, at) => requests.length - (counts[at] ?? 0))).toEqual([1, 1, 1]);
    expect(vendor.requests.at(-1)?.bodyBytes).toBeLessThan(200);
    expect(body).not.toContain(canaries.vendor);
  });

  it('is told of one model alone where that is asked for', async () => {
    const before = failing.requests.length;
    const { body } = await ask('GET /health?model=house', [master]);
    expect(JSON.parse(body)).toMatchObject({ healthy_count: 1, unhealthy_count: 0 });
    expect(failing.requests).toHaveLength(before);
  });

  it('tells HEAD how long its answer would be, and no more', async () => {
    const { status, headers } = await ask('HEAD /health/liveliness');
    expect([status, headers['content-length']]).toEqual([200, '12']);
  });
});
