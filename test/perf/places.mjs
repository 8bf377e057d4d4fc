/** What a decision costs in each place, what a hook adds to it, and what a child and a thread weigh. After a build. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { candidate, fakeHost, requestContext } from '@rutter/plugin-sdk/testing';
import { root } from './contestants.mjs';
import { median } from './statistics.mjs';

const dist = join(root, 'core/dist');
const { Sandbox } = await import(join(dist, 'sandbox/sandbox.js'));
const { readPackedShipped } = await import(join(dist, 'plugins/distribution.js'));
const { createHooks, Selector } = await import(join(dist, 'pipeline/hooks.js'));
const { noGrants } = await import(join(dist, 'plugins/plan.js'));

const { placesUs, hookNs, childMb, threadMb } = JSON.parse(
  readFileSync(new URL('budget.json', import.meta.url), 'utf8'),
);
const name = 'least-busy';
const rounds = 5;
const calls = { inside: 200_000, elsewhere: 3000 };
const numbers = { 'input-tokens': 400, 'output-limit': 1000, stream: 0 };
const context = requestContext({ features: { get: (key) => numbers[key], want: async (key) => numbers[key] } });
const candidates = Array.from({ length: 8 }, (_none, index) => candidate(`d${index}`, { inFlight: index % 3 }));

function tell(label, values, { unit, most }) {
  const found = median(values);
  const [least, highest] = [Math.min(...values), Math.max(...values)].map((value) => value.toFixed(2));
  const isMissed = found > most;
  process.stdout.write(
    `${label}: ${found.toFixed(2)} ${unit} (${least}–${highest})${isMissed ? `, missed: at most ${most}` : ''}\n`,
  );
  if (isMissed) process.exitCode = 1;
}

/** Microseconds of one call, by rounds; the first round is thrown away. */
async function timed(count, call) {
  const found = [];
  for (let round = 0; round <= rounds; round++) {
    const startMs = performance.now();
    for (let turn = 0; turn < count; turn++) {
      const answer = call();
      if (answer instanceof Promise) await answer;
    }
    found.push(((performance.now() - startMs) / count) * 1000);
  }
  return found.slice(1);
}

const rssMb = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;
const nothing = () => {};
const silent = { debug: nothing, info: nothing, warn: nothing, error: nothing };

async function setUp(sandbox, place) {
  const folder = join(root, 'strategies', name);
  const origin = { file: '', line: 1, column: 1, path: 'plugins[0]' };
  const instance = {
    ...{ name, package: await readPackedShipped(join(folder, 'dist'), folder), onFailure: 'abort', origin: 'entry' },
    ...{
      isTrusted: place === 'worker',
      reason: 'a benchmark',
      place: origin,
      grants: { ...noGrants, timeoutMs: 20_000 },
    },
    config: { values: {}, paths: {}, base: '', derived: [] },
  };
  const kernel = {
    ...{ log: () => silent, clock: fakeHost().clock, seed: 'bench', dataFolder: '/nonexistent', fetch: nothing },
    features: { registry: () => ({ define: nothing }), forget: nothing },
  };
  const configuration = { placeOf: () => origin };
  const made = await sandbox.setUp({ instance, key: place, place, configuration, kernel, services: new Map() });
  if (made.diagnostics) throw new Error(JSON.stringify(made.diagnostics));
  return made;
}

const { default: plugin } = await import(join(root, 'strategies', name, 'index.ts'));
const strategy = plugin.setup(fakeHost(), plugin.config?.parse({}) ?? {});
const selector = new Selector([{ name, value: strategy }], createHooks([]), (_instance, error) => {
  throw error;
});
const bare = await timed(calls.inside, () => strategy.select(context, candidates));
const hooked = await timed(calls.inside, () => selector.select(context, candidates));
tell('select in-process', bare, { unit: 'µs', most: placesUs['in-process'] });
const added = hooked.map((value, round) => (value - bare[round]) * 1000);
tell('added by the hook and its checks', added, { unit: 'ns', most: hookNs });

const sandbox = new Sandbox();
for (const place of ['worker', 'sandbox']) {
  const beforeMb = rssMb(process.pid);
  const made = await setUp(sandbox, place);
  tell(`select in the ${place}`, await timed(calls.elsewhere, () => made.value.rank(context, candidates)), {
    unit: 'µs',
    most: placesUs[place],
  });
  if (place === 'sandbox') tell('memory of a child', [rssMb(made.status.pid)], { unit: 'MB', most: childMb });
  else tell('memory of a thread', [rssMb(process.pid) - beforeMb], { unit: 'MB', most: threadMb });
  await made.end();
}
sandbox.close();
