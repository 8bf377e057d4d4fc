/** Trusted plugins in a worker thread: they do their work there, and whatever they do, the gateway's event loop goes on. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { until } from '../support/index.ts';
import { type Arena, startArena } from './arena.ts';
import { leastHeld, mostHeldMs, watchEventLoop } from './event-loop.ts';

interface Folder {
  readonly kind?: string;
  readonly manifest?: object;
  /** Body of `setup(host, options)`. */
  readonly setup: string;
  readonly top?: string;
}

async function write(folders: Readonly<Record<string, Folder>>): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'rutter-worker-'));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  for (const [name, { kind = 'strategy', manifest = {}, setup, top = '' }] of Object.entries(folders)) {
    const rutter = { api: 1, kind, name, entry: 'index.js', ...manifest };
    await mkdir(join(root, name));
    await writeFile(
      join(root, name, 'package.json'),
      JSON.stringify({ name, type: 'module', version: '1.0.0', rutter }),
    );
    const source = `import { definePlugin, RutterError, z } from '@rutter/plugin-sdk';\n${top}
export default definePlugin({ kind: '${kind}', config: z.looseObject({}), setup(host, options) { ${setup} } });\n`;
    await writeFile(join(root, name, 'index.js'), source);
  }
  return root;
}

async function arenaOf(folders: Readonly<Record<string, Folder>>, more: Record<string, object> = {}): Promise<Arena> {
  const root = await write(folders);
  const entries = Object.keys(folders).map((name) => ({
    ...{ use: join(root, name), as: name, trust: true, place: 'worker' },
    ...more[name],
  }));
  return startArena(entries, ['house']);
}

const spin = (ms: number) => `for (const end = performance.now() + ${ms}; performance.now() < end; );`;
const reversed = 'return [...candidates].reverse();';

describe('a strategy in a worker', () => {
  it('spins 50 ms a request and leaves the event loop of the gateway free, where inside it holds it', async () => {
    const root = await write({
      heavy: { setup: `return { select(_context, candidates) { ${spin(50)} ${reversed} } };` },
    });
    const entry = { use: join(root, 'heavy'), as: 'heavy', trust: true, timeout: 5 };
    const arena = await startArena([{ ...entry, place: 'worker' }], ['house']);
    const twenty = async () => {
      const answers = await Promise.all(Array.from({ length: 20 }, () => arena.ask('house')));
      for (const { route } of answers) expect(route).toContain('chosen by heavy');
    };
    const apart = await leastHeld(arena.gateway, twenty);
    expect(await arena.row('heavy')).toMatchObject({ place: 'worker', state: 'running', worker: { falls: 0 } });
    await arena.gateway.writeConfig(arena.config([{ ...entry, place: 'in-process' }]));
    expect((await arena.post('/admin/reload')).status).toBe(200);
    const watch = await watchEventLoop(arena.gateway);
    await twenty();
    const inside = await watch.end();
    console.log(`event-loop delay, 20 selects of 50 ms: worker ${apart.p99Ms} ms, inside ${inside.maxMs} ms`);
    expect(apart.p99Ms).toBeLessThan(mostHeldMs + apart.machineP99Ms);
    expect(await arena.row('heavy')).toMatchObject({ place: 'in-process' });
  }, 60_000);
});

describe('the queue of a worker', () => {
  it('turns away what is beyond its bound, and lets go of what waits too long, without a fall', async () => {
    const arena = await arenaOf(
      { slow: { setup: `return { select(_context, candidates) { ${spin(400)} ${reversed} } };` } },
      { slow: { queue: 8, timeout: 2 } },
    );
    const answers = await Promise.all(Array.from({ length: 12 }, () => arena.ask('house')));
    const chosen = answers.filter(({ route }) => route.includes('chosen by slow')).length;
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    expect(chosen).toBeGreaterThan(0);
    expect(chosen).toBeLessThan(7);
    const { worker, lastError } = await arena.row('slow');
    expect(worker).toMatchObject({ state: 'running', falls: 0, restarts: 0, turnedAway: 4 });
    expect(lastError?.message).toMatch(
      /in its worker: (its queue is full, it already has 8 calls|it was busy with other)/,
    );
    expect((await arena.ask('house')).route).toContain('chosen by slow');
  });
});

describe('a worker that fails', () => {
  it('is replaced when it blocks and when it dies, and is quarantined after three falls a minute', async () => {
    const select = `if (context.group !== 'house') return undefined;
      const turn = host.keep('turn', 1, () => ({ at: 0 })); const wish = context.tags[0];
      if (wish === 'block') for (;;);
      if (wish === 'throw') throw new Error('no idea');
      if (wish === 'exit') process.exit(3);
      if (wish === 'grow') { const all = []; for (;;) all.push({ at: all.length }); }
      if (wish === 'forge') return [{ ...candidates[0] }];
      return [...candidates].reverse();`;
    const arena = await arenaOf(
      { frail: { manifest: { needs: ['node'] }, setup: `return { select(context, candidates) { ${select} } };` } },
      { frail: { timeout: 0.2 } },
    );
    const wish = (tag: string) => arena.ask('house', { metadata: { tags: [tag] } });
    const released = async () => {
      await arena.post('/admin/plugins/frail/release');
      await arena.up('frail');
    };
    for (const tag of ['block', 'exit', 'grow', 'throw', 'forge']) {
      const { status, route } = await wish(tag);
      expect(status, tag).toBe(200);
      expect(route, tag).not.toContain('chosen by frail');
      const before = (await arena.row('frail')).worker?.restarts;
      if (tag === 'block' || tag === 'exit' || tag === 'grow')
        await until('the thread to be gone', async () => (await arena.row('frail')).worker?.state !== 'running');
      await released();
      expect((await wish('none')).route, `after ${tag}, ${before} restarts`).toContain('chosen by frail');
    }
    const lost = await arena.gateway.waitForLog(({ msg }) => msg === 'the plugin in its worker is gone');
    expect(lost.name).toBe('frail');
    for (let turn = 0; turn < 3; turn += 1) await wish('throw');
    await until('the quarantine', async () => (await arena.row('frail')).state === 'quarantined');
    expect(await arena.get('/health/readiness')).toMatchObject({ status: 'ready', workers: { frail: 'quarantined' } });
    expect((await wish('none')).route).not.toContain('frail');
    await released();
    expect((await wish('none')).route).toContain('chosen by frail');
  }, 60_000);
});

it('a fall, a quarantine and a release are told to observers, wherever the plugin lives', async () => {
  const throws = { setup: "return { select() { throw new Error('no idea'); } };" };
  const root = await write({
    apart: throws,
    stranger: throws,
    scribe: { kind: 'observer', setup: "return { changed(event) { host.log.info({ event }, 'heard'); } };" },
  });
  const entry = (name: string, more: object) => ({ use: join(root, name), as: name, timeout: 5, ...more });
  const arena = await startArena(
    [entry('apart', { trust: true, place: 'worker' }), entry('stranger', {}), entry('scribe', { trust: true })],
    ['house'],
  );
  for (let turn = 0; turn < 4; turn += 1) expect((await arena.ask('house')).status).toBe(200);
  for (const plugin of ['apart', 'stranger']) {
    await arena.post(`/admin/plugins/${plugin}/release`);
    const heard = (type: string) =>
      arena.gateway.waitForLog(({ event }) => {
        const told = event as { type?: string; plugin?: string } | undefined;
        return told?.type === type && told.plugin === plugin;
      });
    expect((await heard('plugin-fell')).event).toMatchObject({ code: 'ERR_PLUGIN_FAILED', falls: 1 });
    expect((await heard('plugin-quarantined')).event).toMatchObject({ falls: 3 });
    await heard('plugin-released');
  }
});

describe('what a trusted plugin has in a worker', () => {
  it('is Node, its folder, timers, features, words of requests, and the embedder', async () => {
    const arena = await arenaOf(
      {
        scholar: {
          manifest: { needs: ['node', 'text', 'files'], uses: ['embedder'] },
          top: "import { writeFileSync, readFileSync } from 'node:fs'; import { isMainThread } from 'node:worker_threads';",
          setup: `const embedder = host.use('embedder'); const seen = new WeakMap(); let turns = 0;
          const file = host.dataFolder + '/note.txt'; writeFileSync(file, 'kept');
          host.every(20, () => { turns += 1; });
          host.features.define('scholar:text', async (context, text) => {
            const [vector] = await embedder.embed([text]); seen.set(context, { vector, text }); return 1; });
          return { prepare: (context) => context.features.want('scholar:text'),
            select(context, candidates) {
              const { vector, text } = seen.get(context) ?? {};
              host.log.info({ isMainThread, note: readFileSync(file, 'utf8'), turns, text, length: vector?.length, dimensions: embedder.dimensions }, 'seen');
              return [...candidates].reverse(); } };`,
        },
      },
      { scholar: { timeout: 10 } },
    );
    const seen = async () => {
      expect((await arena.ask('house')).route).toContain('chosen by scholar');
      return arena.gateway.log().findLast(({ msg }) => msg === 'seen');
    };
    await until('a turn of the timer', async () => Number((await seen())?.turns) > 0);
    expect(await seen()).toMatchObject({ isMainThread: false, note: 'kept', length: 128, dimensions: 128 });
    expect(String((await seen())?.text)).toContain('canary-of-another-tenant');
  });

  it('is not what only the gateway itself can give, which is refused by name', async () => {
    const root = await write({
      caller: { manifest: { needs: ['invoke'] }, setup: 'return { select: () => undefined };' },
      keeper: { manifest: { uses: ['store'] }, setup: 'return { select: () => undefined };' },
      teller: { kind: 'guard', setup: 'return { identify: () => undefined };' },
      book: { kind: 'cache', setup: 'return { read() {}, write() {} };' },
    });
    const arena = await startArena([], ['house']);
    const tried = async (name: string, more: object = {}) => {
      const entry = { use: join(root, name), as: name, trust: true, place: 'worker', ...more };
      await arena.gateway.writeConfig(arena.config([entry]));
      const { status, body } = await arena.post('/admin/reload');
      return `${status} ${(body.reasons as readonly string[]).join(' ')}`;
    };
    expect(await tried('caller')).toMatch(/409 .*cannot run in a worker: it needs invoke/);
    expect(await tried('keeper')).toMatch(/409 .*cannot run in a worker: it uses store/);
    expect(await tried('teller')).toMatch(/409 .*identify/);
    expect(await tried('book')).toMatch(/409 .*"book" brings read, write, which is not served/);
    expect(await tried('caller', { trust: false })).toMatch(/409 .*"caller" is not trusted, and runs in the sandbox/);
    expect(await tried('caller', { place: 'moon' })).toMatch(/409 .*place.*in-process, worker/);
  });
});

describe('an embedder, a guard and an observer in a worker', () => {
  it('do their work there, an embedder that its manifest sends there without holding the event loop', async () => {
    const strategy = `return { prepare: (context) => context.features.want('embedding'), select(context, candidates) {
      const vector = context.features.get('embedding');
      return vector?.length === 3 ? [...candidates].reverse() : undefined; } };`;
    const root = await write({
      maths: {
        kind: 'embedder',
        manifest: { place: 'worker' },
        setup: `return { version: 'v1', dimensions: 3, async embed(texts) { ${spin(200)} return texts.map((text) => Float32Array.of(text.length, 1, 2)); } };`,
      },
      reader: { setup: strategy },
      gate: {
        kind: 'guard',
        manifest: { place: 'worker' },
        setup: `return { checkRequest(context, call) { if (call.text().includes('forbidden')) throw new RutterError('ERR_REQUEST_FORBIDDEN', 'Not that word.'); } };`,
      },
      witness: {
        kind: 'observer',
        manifest: { place: 'worker' },
        setup: `return { settled(outcome) { host.log.info({ status: outcome.status, group: outcome.group }, 'witnessed'); } };`,
      },
    });
    const entries = ['maths', 'reader', 'gate', 'witness'].map((name) => ({
      use: join(root, name),
      as: name,
      trust: true,
    }));
    const arena = await startArena(entries, ['house']);
    for (const name of ['maths', 'gate', 'witness']) expect(await arena.row(name)).toMatchObject({ place: 'worker' });
    expect(await arena.row('reader')).toMatchObject({ place: 'in-process' });
    const { p99Ms, machineP99Ms } = await leastHeld(arena.gateway, async () => {
      for (let turn = 0; turn < 5; turn += 1) expect((await arena.ask('house')).route).toContain('chosen by reader');
    });
    expect(p99Ms).toBeLessThan(mostHeldMs + machineP99Ms);
    const refused = await arena.ask('house', { messages: [{ role: 'user', content: 'a forbidden word' }] });
    expect(refused).toMatchObject({ status: 403 });
    expect(refused.body).toContain('Not that word.');
    const line = await arena.gateway.waitForLog(({ msg, status }) => msg === 'witnessed' && status === 403);
    expect(line.group).toBe('house');
  });
});
