/**
 * Reloads and replaced plugins, from disk and from a bucket, while five
 * hundred requests a second, a quarter of them streams, are served: nobody
 * notices, and nothing stays behind. `RUTTER_TEST_SLOW=1` makes them a
 * thousand reloads and two hundred replacements.
 */
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { publish } from '../../core/sources/publish.ts';
import { Bench } from '../sources/bench.ts';
import {
  type Gateway,
  openAiDeployment,
  openAiVendor,
  startGateway,
  startVendor,
  until,
  type Vendor,
} from '../support/index.ts';
import { rgwMissing, startRgw } from '../support/rgw.ts';
import { pluginFolder, plugins, postReload } from './admin.ts';
import { type Load, startLoad } from './load.ts';
import { packedFiles } from './signed.ts';

const isSlowRun = process.env.RUTTER_TEST_SLOW === '1';
/** Of six changes one replaces a plugin. */
const [warmUp, changes] = isSlowRun ? [120, 1200] : [6, 18];
const concurrency = isSlowRun ? 400 : 100;
const perSecond = 500;
const bucket = 'replacements';
const text = 'a fine day for a long walk to the far end';
const soonMs = 60_000;
/** Longer than files and sources take to be noticed by themselves. */
const unaskedMs = 10_000;
/** More than a caller or a vendor may hold a connection that nobody uses. */
const idleMs = 180_000;

interface Held {
  readonly rss: number;
  readonly heapUsed: number;
  readonly resources: Readonly<Record<string, number>>;
  readonly children: number;
  readonly files: number;
  readonly sockets: number;
}

describe.skipIf(rgwMissing !== undefined)(
  `replacements under load${rgwMissing === undefined ? '' : ` (skipped: ${rgwMissing})`}`,
  () => {
    let bench: Bench;
    let folder: string;
    let vendors: readonly [Vendor, Vendor];
    let gateway: Gateway;
    let load: Load | undefined;
    let published = 0;
    let refusals = 0;

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'rutter-replacements-'));
      const server = await startRgw();
      bench = new Bench(server, bucket);
      await server.createBucket(bucket);
      const script = openAiVendor({ reply: text, delays: { headMs: 50, firstMs: 20, betweenMs: 20 } });
      vendors = [await startVendor(script), await startVendor(script)];
      await bench.put('models.yaml', models(0));
      await publishWord();
      gateway = await startGateway({
        config: configuration(0),
        files: { 'steady/index.ts': strategy(0) },
        startMs: 60_000,
      });
    }, 240_000);
    afterAll(async () => {
      await load?.stop();
      await gateway?.stop();
      await bench?.close();
      await bench?.server.stop();
      await rm(folder, { recursive: true, force: true });
    }, 60_000);

    const models = (label: number) => {
      const weight = 1 + (label % 3);
      return {
        model_list: [
          openAiDeployment('house', vendors[0], { weight }, { id: 'left' }),
          openAiDeployment('house', vendors[1], { weight: 4 - weight }, { id: 'right', label }),
        ],
      };
    };
    const configuration = (label: number) => ({
      include: `s3://${bucket}/models.yaml`,
      router_settings: { routing_strategy: label % 3 ? 'simple-shuffle' : 'least-busy', num_retries: 0 },
      plugins: [
        { use: 'source-s3', config: bench.options },
        { use: pluginFolder('recorder'), trust: true, config: { label, isDeep: label % 4 === 3 } },
        // In the sandbox: a child process each change of it must not leave behind.
        { use: './steady', for: ['house'] },
        { use: `s3://${bucket}/word@^1`, trust: true },
      ],
      general_settings: { source_poll_interval: '1s' },
    });
    const strategy = (label: number) => `
import { definePlugin } from '@rutter/plugin-sdk';
export default definePlugin({ kind: 'strategy', setup: () => ({
  select: (_context, candidates) => (${label} < 0 ? undefined : [...candidates]),
}) });
`;
    async function publishWord(): Promise<void> {
      published += 1;
      const packed = join(folder, 'packed');
      await rm(packed, { recursive: true, force: true });
      const files = await packedFiles({ version: `1.${published}.0`, word: `word ${published}` });
      await mkdir(packed);
      for (const [name, content] of Object.entries(files)) await writeFile(join(packed, name), content);
      const clock = { sleep: async () => {} };
      expect(await publish(packed, { source: bench.sourceWith(), prefix: '', clock })).toMatchObject({ isNew: true });
    }

    /** One change, by turns of another kind, and asked for now by hand and now by nobody. */
    async function change(turn: number): Promise<void> {
      const { generation: before } = await plugins(gateway);
      if (turn % 12 === 0) await publishWord();
      else if (turn % 6 === 0) await writeFile(join(gateway.folder, 'steady', 'index.ts'), strategy(turn));
      else if (turn % 2 === 0) await bench.put('models.yaml', models(turn));
      else await gateway.writeConfig(configuration(turn));
      const askAfterMs = [0, 15, 30, 40, 45].includes(turn % 60) ? unaskedMs : 0;
      const changedMs = performance.now();
      await until(
        `change ${turn} to be in force`,
        async () => {
          // Where a machine has no time for a sandbox to open, the change is refused, and may be asked for again.
          if (performance.now() - changedMs >= askAfterMs)
            refusals += Number((await postReload(gateway)).status === 'refused');
          return (await plugins(gateway)).generation > before;
        },
        soonMs,
      );
    }

    async function held(): Promise<Held> {
      await until(
        'old generations to be gone',
        async () => {
          const { generation, plugins: rows } = await plugins(gateway);
          return rows.every(({ generations }) => generations.length === 1 && generations[0] === generation);
        },
        soonMs,
      );
      // Those of a burst fall idle, and stay for a while for the next.
      if (isSlowRun)
        await until('idle connections to be closed', async () => (await descriptors()).sockets < 20, idleMs);
      const response = await fetch(`${gateway.url}/recorder/memory`, {
        method: 'POST',
        headers: { connection: 'close' },
      });
      return {
        ...((await response.json()) as Pick<Held, 'rss' | 'heapUsed' | 'resources'>),
        ...(await descriptors()),
        children: await children(),
      };
    }

    async function children(): Promise<number> {
      const text = await readFile(`/proc/${gateway.pid}/task/${gateway.pid}/children`, 'utf8');
      return text.split(/\s+/).filter(Boolean).length;
    }

    async function descriptors(): Promise<{ readonly files: number; readonly sockets: number }> {
      const at = `/proc/${gateway.pid}/fd`;
      const targets = await Promise.all((await readdir(at)).map((name) => readlink(join(at, name)).catch(() => '')));
      const sockets = targets.filter((target) => target.startsWith('socket:')).length;
      return { sockets, files: targets.filter((target) => target !== '' && !target.startsWith('socket:')).length };
    }

    async function underLoad(
      first: number,
      last: number,
    ): Promise<{ readonly answered: number; readonly seconds: number }> {
      const startedMs = performance.now();
      load = startLoad({ url: gateway.url, model: 'house', concurrency, text, perSecond });
      for (let turn = first; turn <= last; turn += 1) await change(turn);
      const seconds = (performance.now() - startedMs) / 1000;
      await load.stop();
      expect(load.failures).toEqual([]);
      return { answered: load.answered, seconds };
    }

    it(
      `lose no request of ${perSecond} a second over ${changes} changes, and leave nothing on the heap, no process and no handle behind`,
      async () => {
        const warm = await underLoad(1, warmUp);
        const before = await held();
        const { answered, seconds } = await underLoad(warmUp + 1, warmUp + changes);
        const after = await held();
        const seen = (await (await fetch(`${gateway.url}/recorder`)).json()) as Record<string, unknown>;
        expect(seen).toMatchObject({ mixed: [], open: 0, settled: warm.answered + answered });
        expect(seen.setUp).toBe((seen.disposed as number) + 1);
        const grown = (after.heapUsed - before.heapUsed) / 1024 / 1024;
        if (isSlowRun)
          console.log(
            `${changes} changes in ${seconds.toFixed(0)} s at ${(answered / seconds).toFixed(0)} requests/s, ${refusals} refused for want of time: RSS ${(before.rss / 1e6).toFixed(0)} MB, then ${(after.rss / 1e6).toFixed(0)} MB; heap grown by ${grown.toFixed(1)} MiB; ${JSON.stringify([before, after])}`,
          );
        // A process that is told to end, or a file that is being read, is gone a moment later.
        await until(
          'processes and files to be as many as at the start',
          async () => (await children()) <= before.children && (await descriptors()).files <= before.files,
          soonMs,
        );
        for (const [name, count] of Object.entries(after.resources))
          if (name !== 'TCPSocketWrap') expect(count, name).toBeLessThan((before.resources[name] ?? 0) + 15);
        // Of a few changes it says nothing: what is compiled and pooled on the way is not yet all there at the start.
        if (isSlowRun) expect(grown).toBeLessThanOrEqual(10);
      },
      isSlowRun ? 1_800_000 : 180_000,
    );
  },
);
