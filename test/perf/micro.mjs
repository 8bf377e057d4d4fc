/** Single costs without the noise of sockets: a strategy's `select`, and the change to a new generation. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { candidate, deployment, fakeHost, outcome, requestContext } from '@rutter/plugin-sdk/testing';
import { root } from './contestants.mjs';
import { decide } from './decide.mjs';
import { withContestant } from './readings.mjs';
import { median } from './statistics.mjs';

const rounds = 7;
const calls = 200_000;
const changes = 15;
const line = (label, values, unit) => {
  const [least, most] = [Math.min(...values), Math.max(...values)].map((value) => value.toFixed(1));
  process.stdout.write(`${label}: ${median(values).toFixed(1)} ${unit} (${least}–${most})\n`);
  return median(values);
};
/** Most nanoseconds of one `select` of eight candidates, by strategy. */
const { selectNs } = JSON.parse(readFileSync(new URL('budget.json', import.meta.url), 'utf8'));
const numbers = { 'input-tokens': 400, 'output-limit': 1000, stream: 0 };
const features = { get: (name) => numbers[name], want: async (name) => numbers[name] };

async function select(name) {
  const { default: plugin } = await import(join(root, 'strategies', name, 'index.ts'));
  const strategy = plugin.setup(fakeHost(), plugin.config?.parse({}) ?? {});
  // Priced, limited and seen at work: nothing that a strategy looks at is missing.
  const prices = (index) => ({ input: BigInt(index * 1000), output: BigInt(9000 - index * 1000) });
  const candidates = Array.from({ length: 8 }, (_none, index) =>
    candidate(`d${index}`, { inFlight: index % 3 }, { prices: prices(index), rpm: 10_000, tpm: 10_000_000 }),
  );
  for (const {
    deployment: { id },
  } of candidates) {
    const attempt = { deployment: id, provider: 'p', model: 'm', group: 'g', startedMs: 0, endedMs: 400 };
    strategy.observe?.(outcome({ deployment: deployment({ id }), attempts: [attempt], ending: 'complete' }));
  }
  const context = requestContext({ features });
  const round = () => {
    const start = process.hrtime.bigint();
    for (let call = 0; call < calls; call++) strategy.select(context, candidates);
    return Number(process.hrtime.bigint() - start) / calls;
  };
  round(); // Compiled from here on.
  const found = line(`${name}, select of 8 candidates`, Array.from({ length: rounds }, round), 'ns');
  if (found <= selectNs[name]) return;
  process.stdout.write(`  missed: at most ${selectNs[name]} ns\n`);
  process.exitCode = 1;
}

/** From the request for a reload to the answer that the changed configuration is in force. */
async function reload() {
  await withContestant('rutter', async ({ port, prepared }) => {
    const file = join(prepared.folder, 'config.yaml');
    const config = JSON.parse(readFileSync(file, 'utf8'));
    const authorization = prepared.headers[0].slice('authorization: '.length);
    const times = [];
    for (let change = 0; change < changes; change++) {
      config.model_list[0].litellm_params.api_key = `sk-changed-${change}`;
      writeFileSync(file, JSON.stringify(config));
      const startMs = performance.now();
      const reply = await fetch(`http://127.0.0.1:${port}/admin/reload`, {
        method: 'POST',
        headers: { authorization },
      });
      if (reply.status !== 200) throw new Error(`The reload was answered ${reply.status}: ${await reply.text()}`);
      await reply.text();
      times.push(performance.now() - startMs);
    }
    line('a changed configuration in force', times, 'ms');
  });
}

for (const name of Object.keys(selectNs)) await select(name);
await decide();
await reload();
