/**
 * Reloads while two hundred requests at a time are in flight, a quarter of
 * them streams: nobody notices. `RUTTER_TEST_SLOW=1` makes them two hundred.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  type Gateway,
  openAiDeployment,
  openAiVendor,
  startGateway,
  startVendor,
  until,
  type Vendor,
} from '../support/index.ts';
import { ask, getJson, pluginFolder, plugins, postReload, reloadPaths } from './admin.ts';
import { startLoad } from './load.ts';

const isSlowRun = process.env.RUTTER_TEST_SLOW === '1';
const rounds = isSlowRun ? 5 : 3;
const reloadsPerRound = isSlowRun ? 40 : 12;
const concurrency = 200;
const text = 'a fine day for a long walk to the far end of the town and back';

interface Recorded {
  readonly label: number;
  readonly generation: number;
  readonly open: number;
  readonly setUp: number;
  readonly disposed: number;
  readonly settled: number;
  readonly noted: number;
  readonly mixed: readonly string[];
  readonly samples: Readonly<Record<string, number>>;
}

let vendors: readonly [Vendor, Vendor];
let gateway: Gateway;

beforeAll(async () => {
  const script = openAiVendor({ reply: text, delays: { headMs: 120, firstMs: 30, betweenMs: 30 } });
  vendors = [await startVendor(script), await startVendor(script)];
  gateway = await startGateway({ config: configuration(0) });
});
afterAll(() => gateway?.stop());

/** What changes from one to the next: an instance, the models, the weights, the strategy, a loop, the reply checks. */
function configuration(label: number): object {
  const [left, right] = vendors;
  const weight = 1 + (label % 3);
  return {
    model_list: [
      openAiDeployment('house', left, { weight }, { id: 'left' }),
      openAiDeployment('house', right, { weight: 4 - weight }, { id: 'right' }),
      ...(label % 2 ? [openAiDeployment('guest', right, {}, { id: `guest-${label}` })] : []),
    ],
    router_settings: { routing_strategy: label % 3 ? 'simple-shuffle' : 'least-busy', num_retries: 0 },
    plugins: [
      { use: pluginFolder('recorder'), trust: true, config: { label, isDeep: label % 4 === 3 } },
      ...(label % 4 === 1 ? [{ use: pluginFolder('passing-loop'), trust: true }] : []),
    ],
  };
}

const recorded = () => getJson<Recorded>(gateway, '/recorder');

/** Writes the next configuration and sees to it that the gateway takes it, each time by another way. */
async function reload(label: number): Promise<void> {
  await gateway.writeConfig(configuration(label));
  const way = label % 6;
  if (way === 4) gateway.signal('SIGHUP');
  else if (way % 2 === 1) {
    const answer = await postReload(gateway, reloadPaths[(way - 1) / 2]);
    expect(answer).toMatchObject({ httpStatus: 200, status: expect.stringMatching(/^(applied|unchanged)$/) });
  }
  await until(`reload ${label} to be in force`, async () => (await recorded()).label === label, 15_000);
}

it(
  `serves every request of ${concurrency} at a time through ${rounds * reloadsPerRound} reloads, each on one generation, and keeps no old one`,
  async () => {
    const memory: { rss: number; heapUsed: number }[] = [];
    let answered = 0;
    for (let round = 0; round < rounds; round += 1) {
      const load = startLoad({ url: gateway.url, model: 'house', concurrency, text });
      await until('the load to be on', () => load.answered + load.failures.length > 50, 10_000);
      for (let turn = 1; turn <= reloadsPerRound; turn += 1) await reload(round * reloadsPerRound + turn);
      await load.stop();
      expect(load.failures).toEqual([]);
      answered += load.answered;
      await until('old generations to be gone', async () => {
        const { generation, plugins: rows } = await plugins(gateway);
        return rows.every(({ generations }) => generations.length === 1 && generations[0] === generation);
      });
      const response = await fetch(`${gateway.url}/recorder/memory`, { method: 'POST' });
      memory.push((await response.json()) as { rss: number; heapUsed: number });
    }

    const seen = await recorded();
    expect(seen.generation).toBeGreaterThanOrEqual(rounds * reloadsPerRound + 1);
    expect(seen.mixed).toEqual([]);
    expect(seen).toMatchObject({ open: 0, settled: answered, setUp: seen.disposed + 1 });
    expect(seen.noted).toBeGreaterThan(answered * 5);
    expect(seen.setUp).toBe(rounds * reloadsPerRound + 1);

    const { generation, plugins: rows, waiting } = await plugins(gateway);
    expect(waiting).toBeUndefined();
    expect(rows.filter(({ name }) => name === 'recorder')).toMatchObject([
      { state: 'running', generations: [generation], leases: 1 },
    ]);

    // Numbers of vendors outlive what was measured under them: nothing was forgotten, nothing counted twice.
    expect(await ask(gateway)).toEqual({ status: 200, text });
    const { samples } = await recorded();
    expect((samples.left ?? 0) + (samples.right ?? 0)).toBe(answered);

    const [, warm] = memory;
    const last = memory.at(-1);
    expect((last?.heapUsed ?? 0) - (warm?.heapUsed ?? 0)).toBeLessThan(4 * 1024 * 1024);
    expect((last?.rss ?? 0) - (warm?.rss ?? 0)).toBeLessThan(40 * 1024 * 1024);
    expect(await gateway.stop()).toEqual({ code: 0, signal: null });
  },
  isSlowRun ? 300_000 : 90_000,
);
