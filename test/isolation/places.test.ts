/** Plugins of the sandbox that do their work, and what becomes of those that do not. */
import { readdir, readFile, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packPlugin } from '@rutter/plugin-sdk/pack';
import { describe, expect, it } from 'vitest';
import { openAiDeployment, openAiVendor, sendJson, startGateway, startVendor, until } from '../support/index.ts';
import { type Arena, canaries, canariesIn, startArena, writeFolders } from './arena.ts';
import type { Attack } from './hostile.ts';

const plugin = (name: string, kind: string, setup: string, more: Partial<Attack> = {}): Attack => ({
  name,
  outcome: 'decides',
  ...more,
  manifest: { kind, ...more.manifest },
  files: {
    'index.js': `import { definePlugin, RutterError, secret, z } from '@rutter/plugin-sdk';
const config = z.strictObject({ word: z.string().default('none'), key: secret().optional() });
export default definePlugin({ kind: '${kind}', config, setup(host, options) { ${setup} } });\n`,
  },
});

async function arenaOf(plugins: readonly Attack[], more: Record<string, object> = {}): Promise<Arena> {
  const root = await writeFolders(plugins);
  const entries = plugins.map(({ name }) => ({ use: join(root, name), as: name, ...more[name] }));
  return startArena(entries, ['house', 'other']);
}

const text = { manifest: { needs: ['text'] } };
const mayRead = { grants: { text: true } };
const contentOf = (body: string) => JSON.parse(body).choices[0].message.content as string;

describe('a strategy in the sandbox', () => {
  it('decides with its options, live numbers, features and ties that the next one breaks', async () => {
    const arena = await arenaOf(
      [
        plugin(
          'first',
          'strategy',
          `return { select: (context, candidates) => {
        const ok = options.word === 'back' && candidates.every(({ live }) => live.inFlight === 0) && context.features.get('input-tokens') > 0;
        return ok && context.group === 'house' ? [candidates] : undefined; } };`,
        ),
        plugin('second', 'strategy', 'return { select: (_context, candidates) => [...candidates].reverse() };'),
      ],
      { first: { config: { word: 'back' }, for: ['house'] } },
    );
    const answer = await arena.ask('house');
    expect(answer.route).toContain('chosen by first, then chosen by second');
    expect(contentOf(answer.body)).toBe('two');
    expect((await arena.ask('other')).route).toMatch(/chosen by second/);
  });

  it('learns from outcomes, and its successor keeps what it kept', async () => {
    const learner = plugin(
      'learner',
      'strategy',
      `const seen = host.keep('seen', 1, () => new Map());
      return { observe(outcome) { seen.set(outcome.deployment.id, (seen.get(outcome.deployment.id) ?? 0) + 1); },
        select(_context, candidates) { host.log.info({ count: [...seen.values()].reduce((a, b) => a + b, 0), word: options.word }, 'seen'); return candidates; } };`,
    );
    const root = await writeFolders([learner]);
    const entry = { use: join(root, 'learner'), as: 'learner' };
    const arena = await startArena([entry], ['house']);
    for (let turn = 0; turn < 3; turn += 1) await arena.ask('house');
    await arena.gateway.writeConfig(arena.config([{ ...entry, config: { word: 'again' } }]));
    expect((await arena.post('/admin/reload')).status).toBe(200);
    await arena.ask('house');
    const line = await arena.gateway.waitForLog(({ said }) => String(said).includes('again'));
    expect(JSON.parse(String(line.said))).toEqual({ count: 3, word: 'again' });
  });

  it('is quarantined after three falls, and released by an operator or a new generation', async () => {
    const sick = plugin('sick', 'strategy', 'return { select() { for (;;) {} } };');
    const root = await writeFolders([sick]);
    const entry = { use: join(root, 'sick'), as: 'sick', timeout: 0.1 };
    const arena = await startArena([entry], ['house']);
    const fallThrice = async () => {
      for (let turn = 0; turn < 3; turn += 1) expect((await arena.ask('house')).status).toBe(200);
      await until('the quarantine', async () => (await arena.row('sick')).state === 'quarantined');
    };
    await fallThrice();
    expect((await arena.get('/health/readiness')).sandbox).toEqual({ sick: 'quarantined' });
    await arena.gateway.waitForLog(({ msg }) => String(msg).startsWith('the plugin is quarantined'));
    const { tookMs } = await arena.ask('house');
    expect(tookMs).toBeLessThan(100);
    expect((await arena.row('sick')).lastError?.message).toContain('it is quarantined');
    const released = await arena.post('/admin/plugins/sick/release');
    expect(released).toMatchObject({ status: 200, body: { name: 'sick', released: true } });
    await arena.up('sick');
    await fallThrice();
    expect((await arena.post('/admin/plugins/nobody/release')).status).toBe(404);
    await arena.gateway.writeConfig(arena.config([entry], ['house', 'new']));
    await arena.post('/admin/reload');
    await arena.up('sick');
    expect((await arena.row('sick')).state).toBe('running');
  });
});

describe('a guard in the sandbox', () => {
  it('refuses, rewrites and answers requests, where its entry grants it to read them', async () => {
    const arena = await arenaOf(
      [
        plugin(
          'censor',
          'guard',
          `return { checkRequest(context, call) {
      const words = call.text();
      if (words.includes('forbidden')) throw new RutterError('ERR_REQUEST_FORBIDDEN', 'Not that word.');
      if (words.includes('quick')) return { reply: { text: 'answered by the guard', end: 'stop' } };
      return { change: { messages: [...call.chat().messages, { role: 'user', content: 'be kind' }] } };
    } };`,
          text,
        ),
      ],
      { censor: mayRead },
    );
    const ask = (content: string) => arena.ask('house', { messages: [{ role: 'user', content }] });
    const refused = await ask('a forbidden word');
    expect(refused.status).toBe(403);
    expect(refused.body).toContain('Not that word.');
    expect(contentOf((await ask('a quick one')).body)).toBe('answered by the guard');
    expect((await ask('fine')).status).toBe(200);
    expect((await arena.row('censor')).sandbox).toMatchObject({ falls: 0 });
  });

  it('is shown no words without a grant, and refused where it is there to read replies', async () => {
    const blind = plugin(
      'blind',
      'guard',
      `return { authorise: (context, call) => host.log.info({ call, text: call.text() }, 'authorising'),
        checkRequest: (context, call) => void host.log.info({ call, text: call.text() }, 'checking') };`,
    );
    const arena = await arenaOf([blind]);
    const word = 'a-word-nobody-granted';
    const messages = [{ role: 'user', content: word }];
    const answer = await arena.ask('house', { messages, user: word, metadata: { note: word } });
    expect(answer.status).toBe(200);
    for (const said of ['authorising', 'checking'])
      await arena.gateway.waitForLog(({ msg, message }) => (msg ?? message) === said);
    expect(arena.gateway.output()).not.toContain(word);
    for (const part of [
      'checkReply: () => undefined',
      'events: () => ({ holdBack: 0, push: (e) => [e], end: () => [] })',
    ]) {
      const root = await writeFolders([plugin('eager', 'guard', `return { ${part} };`)]);
      await arena.gateway.writeConfig(arena.config([{ use: join(root, 'eager') }]));
      const { status, body } = await arena.post('/admin/reload');
      expect(status, part).toBe(409);
      expect(JSON.stringify(body.reasons)).toMatch(/reads what is answered, and is not granted text/);
    }
  });

  it('amends replies, streams among them, before a byte has left; what they cost stays as it was', async () => {
    const arena = await arenaOf(
      [
        plugin(
          'masker',
          'guard',
          `const mask = (text) => text.replace(/one|two/g, '***');
      return { checkReply: (_context, reply) => ({ ...reply, text: mask(reply.text), usage: { input: 0, output: 0 }, model: 'forged' }),
        events: () => ({ holdBack: 1000, push: (event) => event.type === 'text-delta' ? [{ ...event, text: mask(event.text) }] : [event], end: () => [] }) };`,
          text,
        ),
      ],
      { masker: mayRead },
    );
    const whole = await arena.ask('house');
    expect(contentOf(whole.body)).toBe('***');
    expect(JSON.parse(whole.body).usage.total_tokens).toBeGreaterThan(0);
    expect(whole.body).not.toContain('forged');
    const streamed = await arena.ask('house', { stream: true });
    expect(streamed.body).toContain('***');
    expect(streamed.body).not.toMatch(/"content":"(one|two)"/);
    expect(streamed.body.trimEnd().endsWith('data: [DONE]')).toBe(true);
  });

  it('is not to blame for a request that is too large to be shown, which is refused', async () => {
    const arena = await arenaOf([plugin('reader', 'guard', 'return { checkRequest() {} };', text)], {
      reader: mayRead,
    });
    let deep: unknown = 1;
    for (let level = 0; level < 90; level += 1) deep = [deep];
    for (let turn = 0; turn < 4; turn += 1) {
      const answer = await arena.ask('house', {
        tools: [{ type: 'function', function: { name: 'f', parameters: { deep } } }],
      });
      expect(answer.status).toBe(503);
    }
    expect((await arena.row('reader')).sandbox).toMatchObject({ state: 'running', falls: 0 });
    expect((await arena.ask('house')).status).toBe(200);
  });

  it('filters candidates, and cannot add any', async () => {
    const arena = await arenaOf([
      plugin('picky', 'guard', 'return { filter: (_context, candidates) => candidates.slice(1) };'),
    ]);
    for (let turn = 0; turn < 4; turn += 1) expect(contentOf((await arena.ask('house')).body)).toBe('two');
  });

  const failing: readonly [string, string][] = [
    ['loops', 'return { checkRequest() { for (;;) {} } };'],
    ['grows', 'return { checkRequest() { const m = new Map(); for (let i = 0; ; i++) m.set(i, [i]); } };'],
    ['throws', "return { checkRequest() { throw new Error('no'); } };"],
    [
      'speaks for the kernel',
      "return { checkRequest() { throw new RutterError('ERR_KERNEL_DRAINING', 'x', { status: 200 }); } };",
    ],
    ['forges messages', 'return { checkRequest: () => ({ change: { messages: 5 } }) };'],
    ['changes the model', "return { checkRequest: () => ({ change: { model: 'other' } }) };"],
    ['answers nonsense', 'return { checkRequest: () => ({ reply: { text: 7 } }) };'],
    ['forges a reply', 'return { checkReply: () => ({ text: {}, end: 9 }) };'],
    ['never answers', 'return { checkReply: () => new Promise(() => {}) };'],
    ['filters by forgery', 'return { filter: () => [{ deployment: {}, live: {} }] };'],
    ['loops on replies', 'return { checkReply() { for (;;) {} } };'],
  ];
  it('lets nothing through by failing', async () => {
    const guards = failing.map(([, setup], index) => plugin(`guard-${index}`, 'guard', setup, text));
    const root = await writeFolders(guards);
    const arena = await startArena([], ['house']);
    for (const [index, [title]] of failing.entries()) {
      const name = `guard-${index}`;
      await arena.gateway.writeConfig(arena.config([{ use: join(root, name), as: name, timeout: 0.2, ...mayRead }]));
      await arena.post('/admin/reload');
      const answer = await arena.ask('house');
      expect(answer.status, `${title}: ${answer.body}`).toBeGreaterThanOrEqual(500);
      expect(answer.tookMs, title).toBeLessThan(250 * 5);
      expect(answer.body, title).not.toMatch(/one|two/);
      expect((await arena.row(name)).sandbox?.falls, title).toBeGreaterThan(0);
    }
    await arena.gateway.writeConfig(arena.config([]));
    await arena.post('/admin/reload');
    expect((await arena.ask('house')).status).toBe(200);
  });
});

describe('what the host gives in the sandbox', () => {
  it('is told outcomes without words, and gives features and vectors', async () => {
    const arena = await arenaOf(
      [
        plugin(
          'watcher',
          'observer',
          `return { settled(outcome) { host.log.info({ status: outcome.status, tokens: outcome.usage.input, all: JSON.stringify(outcome, (_key, value) => typeof value === 'bigint' ? String(value) : value) }, 'settled'); } };`,
        ),
        plugin(
          'embedder',
          'embedder',
          'return { dimensions: 2, version: "1", embed: async (texts) => texts.map((text) => new Float32Array([text.length, 1])) };',
          text,
        ),
        plugin(
          'wanting',
          'strategy',
          `host.features.define('moon', () => 7);
        return { async prepare(context) { globalThis.found = [await context.features.want('moon'), (await context.features.want('embedding'))?.length]; },
        select(_context, candidates) { host.log.info({ found: globalThis.found }, 'features'); return [...candidates].reverse(); } };`,
        ),
      ],
      { embedder: mayRead },
    );
    expect((await arena.ask('house')).route).toContain('chosen by wanting');
    const told = await arena.gateway.waitForLog(({ msg }) => msg === 'settled');
    expect(JSON.parse(String(told.said))).toMatchObject({ status: 200, tokens: expect.any(Number) });
    const features = await arena.gateway.waitForLog(({ msg }) => msg === 'features');
    expect(JSON.parse(String(features.said))).toEqual({ found: [7, 2] });
    expect(canariesIn(arena.gateway.output())).toEqual([]);
  });

  it('fetches from granted origins alone, sending a secret that it cannot read', async () => {
    const vendor = await startVendor(({ request, response }) =>
      sendJson(response, 200, { sawKey: request.headers['x-key'] === canaries.file }),
    );
    const fetcher = plugin(
      'fetcher',
      'strategy',
      `return { async prepare() {
        const got = await (await host.fetch('${vendor.url}/x', { headers: { 'x-key': options.key } })).json();
        const other = await host.fetch('https://example.com/').then(() => 'fetched', (error) => error.message);
        host.log.info({ got, other, key: String(options.key), json: JSON.stringify(options) }, 'fetched');
      }, select: (_context, candidates) => [...candidates].reverse() };`,
      { manifest: { needs: ['fetch'] } },
    );
    const root = await writeFolders([fetcher]);
    const vendors = await startVendor(openAiVendor({ reply: 'fine' }));
    const gateway = await startGateway({
      config: {
        model_list: [openAiDeployment('house', vendors), openAiDeployment('house', vendors)],
        general_settings: { allowed_addresses: ['127.0.0.1'] },
        plugins: [
          {
            use: join(root, 'fetcher'),
            timeout: 2,
            grants: { fetch: [vendor.url] },
            config: { key: 'os.environ/FETCH_KEY' },
          },
        ],
      },
      env: { FETCH_KEY: canaries.file },
    });
    await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'house', messages: [{ role: 'user', content: 'x' }] }),
    });
    const line = await gateway.waitForLog(({ msg }) => msg === 'fetched');
    expect(JSON.parse(String(line.said))).toMatchObject({
      got: { sawKey: true },
      other: expect.stringContaining('may fetch from'),
      key: '[secret]',
    });
    expect(canariesIn(gateway.output())).toEqual([]);
  });
});

it('a gateway without untrusted plugins starts no child and loads no engine', async () => {
  const arena = await startArena([], ['house']);
  await arena.ask('house');
  const { pid } = arena.gateway;
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  expect(children.trim()).toBe('');
  expect(await readFile(`/proc/${pid}/maps`, 'utf8')).not.toContain('isolated-vm');
});

it('a secret that a trusted plugin tells is seen by these tests', async () => {
  const teller = plugin('teller', 'observer', "host.log.info({ canary: process.env.CANARY }, 'told'); return {};", {
    manifest: { needs: ['node'] },
  });
  const root = await writeFolders([teller]);
  const arena = await startArena([{ use: join(root, 'teller'), trust: true }], ['house']);
  await arena.gateway.waitForLog(({ msg }) => msg === 'told');
  expect(canariesIn(arena.gateway.output())).toEqual(['environment']);
});

it('a child ends with its gateway, however that ends', async () => {
  const arena = await arenaOf([plugin('calm', 'strategy', 'return { select: () => undefined };')]);
  const { pid } = (await arena.row('calm')).sandbox ?? {};
  expect(pid).toBeGreaterThan(0);
  const isAlive = () => {
    try {
      process.kill(pid as number, 0);
      return true;
    } catch {
      return false;
    }
  };
  expect(isAlive()).toBe(true);
  process.kill(arena.gateway.pid, 'SIGKILL');
  await until('the child to end', () => !isAlive());
});

it('a child has no environment, and what is open in it leads to the gateway alone', async () => {
  const arena = await arenaOf([plugin('calm', 'strategy', 'return { select: () => undefined };')]);
  const { pid } = (await arena.row('calm')).sandbox ?? {};
  expect(await readFile(`/proc/${pid}/environ`, 'utf8')).toBe('');
  const open = await Promise.all(
    (await readdir(`/proc/${pid}/fd`)).map((name) => readlink(`/proc/${pid}/fd/${name}`).catch(() => 'gone')),
  );
  const strange = open.filter((target) => !/^(socket:|pipe:|anon_inode:|\/dev\/null|gone)/.test(target));
  expect(strange).toEqual([]);
  const sockets = await readFile(`/proc/${pid}/net/tcp`, 'utf8');
  const listening = arena.gateway.port.toString(16).toUpperCase().padStart(4, '0');
  const inode = sockets
    .split('\n')
    .find((line) => line.includes(`:${listening} 00000000:0000`))
    ?.trim()
    .split(/\s+/)[9];
  expect(inode).toBeDefined();
  expect(open).not.toContain(`socket:[${inode}]`);
});

it('a packed plugin nobody vouches for runs where its text is the one it names, and stands in its folder', async () => {
  const root = await writeFolders([
    plugin('packed', 'strategy', 'return { select: (_context, candidates) => [...candidates].reverse() };'),
  ]);
  const from = join(root, 'packed');
  await packPlugin(from, { outDir: join(root, 'out') });
  const arena = await startArena([{ use: join(root, 'out'), as: 'packed' }], ['house']);
  expect((await arena.ask('house')).route).toContain('chosen by packed');
  expect((await arena.row('packed')).place).toBe('sandbox');
  await rename(join(root, 'out/plugin.cjs'), join(root, 'moved.cjs'));
  await symlink(join(root, 'moved.cjs'), join(root, 'out/plugin.cjs'));
  expect(JSON.stringify((await arena.post('/admin/reload')).body.reasons)).toContain('is a link');
  await rm(join(root, 'out/plugin.cjs'));
  await writeFile(join(root, 'out/plugin.cjs'), 'globalThis.changed = true;');
  expect(JSON.stringify((await arena.post('/admin/reload')).body.reasons)).toContain('was changed');
  expect((await arena.ask('house')).route).toContain('chosen by packed');
});
