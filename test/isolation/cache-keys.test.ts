/** Caches' key functions of the sandbox in a live gateway: what they make equal is answered again, and nothing else of it is theirs. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  type Gateway,
  openAiDeployment,
  openAiVendor,
  root,
  startGateway,
  startVendor,
  until,
} from '../support/index.ts';
import { writeFolders } from './arena.ts';
import { type Attack, filesOf } from './hostile.ts';
import { brokenKeys } from './hostile-kinds.ts';

const deadlineMs = 500;

interface CacheOf {
  readonly key: string;
  readonly needs?: readonly string[];
  readonly parts?: string;
}

const cacheOf = (name: string, { key, needs = [], parts = '' }: CacheOf): Attack => ({
  name,
  outcome: 'decides',
  manifest: { kind: 'cache', needs },
  files: {
    'index.js': `import { definePlugin, RutterError, z } from '@rutter/plugin-sdk';
export default definePlugin({ kind: 'cache', config: z.object({ salt: z.string().default('') }), setup(host, config) {
  return { ${parts} key(context, call, digest) { ${key} } };
} });\n`,
  },
});

/** Knows callers by the names they give as keys; all may do everything. */
const callers = `import { definePlugin, RutterError } from '@rutter/plugin-sdk';
export default definePlugin({ kind: 'guard', setup: () => ({
  identify(credential) {
    const id = ['alice', 'bob'].find((name) => credential?.equals(name));
    if (id === undefined) throw new RutterError('ERR_REQUEST_UNAUTHENTICATED', 'Who?');
    return { id, kind: 'key', team: 'one', user: 'same', permissions: ['*'] };
  } }) });\n`;

/** Another guard on what is answered. */
const strict = `import { definePlugin } from '@rutter/plugin-sdk';
export default definePlugin({ kind: 'guard', setup: () => ({ checkReply: () => undefined }) });\n`;

interface Asked {
  readonly status: number;
  readonly text: string;
  readonly cache: string;
  readonly cost: string | null;
  readonly tookMs: number;
}

interface Row {
  readonly name: string;
  readonly place: string;
  readonly lastError?: { readonly message: string };
  readonly sandbox?: { readonly state: string; readonly falls: number };
}

type Entry = Readonly<Record<string, unknown>>;

async function open(caches: readonly Attack[], entries: readonly Entry[], groups = ['house']) {
  let calls = 0;
  const handler = openAiVendor({ reply: () => `reply ${++calls}`, usage: { prompt_tokens: 7, completion_tokens: 5 } });
  const vendor = await startVendor(handler);
  const configOf = (more: readonly Entry[]) => ({
    model_list: groups.map((group) =>
      openAiDeployment(group, vendor, { input_cost_per_token: 0.001, output_cost_per_token: 0.002 }),
    ),
    plugins: [{ use: './callers', trust: true }, ...more],
  });
  const gateway = await startGateway({
    config: configOf(entries),
    files: Object.assign({ 'callers/index.js': callers, 'strict/index.js': strict }, ...caches.map(filesOf)),
    startMs: 60_000,
  });
  const headers = (who: string) => ({ 'content-type': 'application/json', authorization: `Bearer ${who}` });
  const post = (path: string, body: object, who = 'alice') =>
    fetch(gateway.url + path, { method: 'POST', headers: headers(who), body: JSON.stringify(body) });
  const asked = async (path: string, body: object, who: string): Promise<Asked> => {
    const startedAt = performance.now();
    const response = await post(path, body, who);
    return {
      status: response.status,
      text: await response.text(),
      cache: response.headers.get('x-rutter-cache') ?? 'miss',
      cost: response.headers.get('x-rutter-cost'),
      tookMs: performance.now() - startedAt,
    };
  };
  const ask = (
    content: string,
    { who = 'alice', ...more }: { readonly who?: string; readonly [field: string]: unknown } = {},
  ) => asked('/v1/chat/completions', { model: groups[0], messages: [{ role: 'user', content }], ...more }, who);
  const rowOf = async (name: string) => {
    const response = await fetch(`${gateway.url}/admin/plugins`, { headers: headers('alice') });
    return ((await response.json()) as { plugins: readonly Row[] }).plugins.find((one) => one.name === name) as Row;
  };
  return {
    gateway,
    vendor,
    ask,
    asked,
    rowOf,
    configOf,
    release: (name: string) => post(`/admin/plugins/${name}/release`, {}),
    reload: async (more: readonly Entry[]) => {
      await gateway.writeConfig(configOf(more));
      const response = await post('/admin/reload', {});
      return { status: response.status, text: await response.text() };
    },
    /** Replies are kept after they have gone out: asks until one is given again. */
    hit: (content: string, more: Parameters<typeof ask>[1] = {}) =>
      until(
        `"${content}" to be found`,
        async () => {
          const answer = await ask(content, more);
          return answer.cache === 'hit' ? answer : undefined;
        },
        15_000,
      ),
  };
}

const replyOf = ({ text }: Asked) =>
  text.startsWith('data:')
    ? [...text.matchAll(/"content":"((?:[^"\\]|\\.)*)"/g)].map(([, piece]) => piece).join('')
    : (JSON.parse(text) as { choices: [{ message: { content: string } }] }).choices[0].message.content;

describe('a cache of the sandbox that makes keys of digests', () => {
  const digests = cacheOf('digests', {
    key: 'host.log.info({ context, call, text: call.text() }); return digest() + config.salt;',
  });
  const entry = (more: Entry = {}) => ({ use: './digests', ...more });
  let bench: Awaited<ReturnType<typeof open>>;
  let gateway: Gateway;
  beforeAll(async () => {
    bench = await open([digests], [entry()], ['house', 'barn']);
    gateway = bench.gateway;
  }, 90_000);

  it('gives the same caller the same reply again for nothing, whole and streamed, and asks the vendor no more', async () => {
    const { ask, hit, vendor, rowOf } = bench;
    expect((await rowOf('digests')).place).toBe('sandbox');
    const first = await ask('Why?');
    expect(first).toMatchObject({ status: 200, cache: 'miss', cost: '0.017' });
    const second = await hit('Why?');
    const upstream = vendor.requests.length;
    const third = await ask('Why?');
    const streamed = await ask('Why?', { stream: true });
    expect([second.cost, third.cost, streamed.cost]).toEqual(['0', '0', '0']);
    expect([third.cache, streamed.cache]).toEqual(['hit', 'hit']);
    expect(replyOf(third)).toBe(replyOf(second));
    expect(replyOf(streamed)).toBe(replyOf(second));
    expect(streamed.text.trimEnd().endsWith('data: [DONE]')).toBe(true);
    expect(vendor.requests).toHaveLength(upstream);
    expect((await rowOf('digests')).sandbox).toMatchObject({ state: 'running', falls: 0 });
  });

  it('gives what was streamed to whoever asks for it whole', async () => {
    const { ask, hit } = bench;
    await hit('Streamed first?', { stream: true });
    expect(await ask('Streamed first?')).toMatchObject({ status: 200, cache: 'hit' });
  });

  it('gives another caller, another question, another setting and another group nothing of it', async () => {
    const { ask, hit } = bench;
    const own = await hit('Mine?');
    const other = await ask('Mine?', { who: 'bob' });
    expect(other).toMatchObject({ status: 200, cache: 'miss' });
    expect(replyOf(other)).not.toBe(replyOf(own));
    for (const more of [{ temperature: 0.5 }, { model: 'barn' }, { top_a: 1 }])
      expect(await ask('Mine?', more), JSON.stringify(more)).toMatchObject({ status: 200, cache: 'miss' });
    expect((await ask('Yours?')).cache).toBe('miss');
  });

  it('keeps vectors as well', async () => {
    const { asked } = bench;
    const embed = (input: string) => asked('/v1/embeddings', { model: 'house', input }, 'alice');
    const first = await embed('words');
    const again = await until('the vectors to be found', async () => {
      const answer = await embed('words');
      return answer.cache === 'hit' ? answer : undefined;
    });
    const vectorOf = ({ text }: Asked) => (JSON.parse(text) as { data: unknown[] }).data;
    expect(vectorOf(again)).toEqual(vectorOf(first));
    expect((await embed('other words')).cache).toBe('miss');
  });

  it('is passed over where the caller says no-cache, and keeps nothing where it says no-store', async () => {
    const { ask, hit, vendor } = bench;
    await hit('Fresh?');
    expect((await ask('Fresh?', { cache: { 'no-cache': true } })).cache).toBe('miss');
    for (let count = 0; count < 3; count++)
      expect((await ask('Never kept?', { cache: { 'no-store': true } })).cache).toBe('miss');
    expect(JSON.stringify(vendor.requests.at(-1)?.json)).not.toContain('no-store');
  });

  it('is shown no word of what is asked', async () => {
    await bench.ask('a-word-of-the-prompt', { user: 'x', metadata: { note: 'a-word-of-metadata' } });
    await gateway.waitForLog((line) => String(line.said).includes('"text":""'));
    expect(gateway.output()).not.toMatch(/a-word-of-the-prompt|a-word-of-metadata/);
  });

  it('finds after a reload what it kept before, and nothing once it or a guard is another', async () => {
    const { ask, hit, reload } = bench;
    await hit('Still?');
    expect((await reload([entry({ timeout: '251ms' })])).status).toBe(200);
    expect((await reload([entry()])).status).toBe(200);
    expect((await ask('Still?')).cache).toBe('hit');
    expect((await reload([entry({ config: { salt: 'x' } })])).status).toBe(200);
    expect((await ask('Still?')).cache).toBe('miss');
    await hit('Still?');
    expect((await reload([entry({ config: { salt: 'x' } }), { use: './strict', trust: true }])).status).toBe(200);
    expect((await ask('Still?')).cache).toBe('miss');
    await hit('Still?');
  });

  it('is refused where it names a time that is none, or keeps replies itself', async () => {
    const folder = await writeFolders([
      cacheOf('endless', { key: 'return digest();', parts: 'ttlMs: Infinity,' }),
      cacheOf('keeper', { key: 'return digest();', parts: 'read() {}, write() {},' }),
      cacheOf('reader', { key: 'return call.text();', needs: ['text'] }),
    ]);
    const tried = async (name: string) => {
      const { status, text } = await bench.reload([{ use: join(folder, name) }]);
      return `${status} ${text}`;
    };
    expect(await tried('endless')).toMatch(/409 .*Infinity as ttlMs, expected a whole number from 1 to 86400000/);
    expect(await tried('keeper')).toMatch(/409 .*brings read, write, which is not served/);
    expect(await tried('reader')).toMatch(/409 .*needs text, which its entry does not grant/);
    expect((await bench.ask('Still there?')).status).toBe(200);
  });
});

it('the key function that the page on caches shows makes case and spaces alike, and nothing else', async () => {
  const page = await readFile(join(root, 'core/docs/kinds/cache.md'), 'utf8');
  const shown = cacheOf('shown', { key: '', needs: ['text'] });
  const files = { 'index.js': /```js\n([\s\S]*?)```/.exec(page)?.[1] ?? '' };
  const { ask, hit } = await open([{ ...shown, files }], [{ use: './shown', grants: { text: true } }]);
  const kept = await hit('Why is the  sky blue?');
  const alike = await ask('why is the sky BLUE?', { stream: true });
  expect(alike.cache).toBe('hit');
  expect(replyOf(alike)).toBe(replyOf(kept));
  expect((await ask('why is the sky red?')).cache).toBe('miss');
  expect((await ask('why is the sky blue?', { temperature: 0.5 })).cache).toBe('miss');
  expect((await ask('why is the sky blue?', { who: 'bob' })).cache).toBe('miss');
});

it('keys of two caches that are equal lead to no reply of the other, and one key for all callers to no other caller', async () => {
  const only = (word: string) => `return call.text() === '${word}' ? 'same key' : undefined;`;
  const { ask, hit } = await open(
    [
      cacheOf('one', { key: only('one'), needs: ['text'] }),
      cacheOf('two', { key: only('two'), needs: ['text'] }),
      cacheOf('all', { key: "return context.tags.includes('all') ? 'same key' : undefined;" }),
    ],
    ['one', 'two', 'all'].map((name) => ({ use: `./${name}`, grants: { text: name !== 'all' } })),
  );
  await hit('one');
  expect((await ask('two')).cache).toBe('miss');
  const shared = await hit('anything', { metadata: { tags: ['all'] } });
  const again = await ask('anything else', { metadata: { tags: ['all'] } });
  expect(again.cache).toBe('hit');
  expect(replyOf(again)).toBe(replyOf(shared));
  const other = await ask('anything', { who: 'bob', metadata: { tags: ['all'] } });
  expect(other.cache).toBe('miss');
  expect(replyOf(other)).not.toBe(replyOf(shared));
  // What no cache has a key for is never kept.
  for (let count = 0; count < 3; count++) expect((await ask('unkeyed')).cache).toBe('miss');
});

it('a trusted cache that only makes keys is served in the same way, inside and in a worker', async () => {
  const tagged = (tag: string) => `return context.tags.includes('${tag}') ? digest() : undefined;`;
  const { ask, hit, rowOf } = await open(
    [cacheOf('inside', { key: tagged('inside') }), cacheOf('threaded', { key: tagged('threaded') })],
    [
      { use: './inside', trust: true },
      { use: './threaded', trust: true, place: 'worker' },
    ],
  );
  expect([(await rowOf('inside')).place, (await rowOf('threaded')).place]).toEqual(['in-process', 'worker']);
  for (const name of ['inside', 'threaded']) {
    const more = { metadata: { tags: [name] } };
    const kept = await hit(`Why, ${name}?`, more);
    const again = await ask(`Why, ${name}?`, { ...more, stream: true });
    expect(again, name).toMatchObject({ status: 200, cache: 'hit', cost: '0' });
    expect(replyOf(again), name).toBe(replyOf(kept));
    expect((await ask(`Why, ${name}?`, { ...more, who: 'bob' })).cache, name).toBe('miss');
    expect((await ask(`Why, ${name}?`)).cache, name).toBe('miss');
  }
});

it('a key function that is hostile leaves its requests uncached, in time, and is quarantined after three falls', async () => {
  const ways = brokenKeys.map(([title, body]) => `${JSON.stringify(title)}() { ${body} }`);
  const groups = [...brokenKeys.map(([title]) => title), 'well'];
  const key = `const ways = { ${ways.join(',\n')}, well: () => digest() }; return ways[context.group]();`;
  const { ask, rowOf, release, gateway } = await open(
    [cacheOf('hostile', { key })],
    [{ use: './hostile', timeout: deadlineMs / 1000 }],
    groups,
  );
  const { pid } = gateway;
  const isUp = async () => (await rowOf('hostile')).sandbox?.state === 'running';
  for (const [title] of brokenKeys) {
    await until('the cache to be up', isUp, 15_000);
    const before = (await rowOf('hostile')).sandbox?.falls ?? 0;
    const first = await ask('x', { model: title });
    const second = await ask('x', { model: title });
    expect([first.status, first.cache, second.status, second.cache], title).toEqual([200, 'miss', 200, 'miss']);
    expect(Math.max(first.tookMs, second.tookMs), title).toBeLessThan(5 * (deadlineMs + 200));
    expect(first.text + second.text, title).not.toContain('forged');
    const row = await rowOf('hostile');
    expect(row.sandbox?.falls, title).toBeGreaterThan(before);
    expect(row.lastError?.message, title).toContain('hostile');
    await release('hostile');
  }
  await until('the cache to be up', isUp, 15_000);
  for (let count = 0; count < 3; count++) await ask('x', { model: 'gives a number' });
  expect((await rowOf('hostile')).sandbox?.state).toBe('quarantined');
  expect(await ask('x', { model: 'well' })).toMatchObject({ status: 200, cache: 'miss' });
  await release('hostile');
  await until('the cache to be up', isUp, 15_000);
  expect(gateway.pid).toBe(pid);
});
