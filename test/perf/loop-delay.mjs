/** How late the timers of a gateway are while it routes long prompts by what it has learnt. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { linearLearner, OutcomeTable, rawFeatures, trainArtefact } from '@rutter/plugin-sdk/learning';
import { fakeHost } from '@rutter/plugin-sdk/testing';
import { root } from './contestants.mjs';
import { prompt } from './prompts.mjs';

const rate = 200;
const { learners } = await import(join(root, 'plugins/extension-router-lab/learners.ts'));

async function artefact() {
  const { default: plugin } = await import(join(root, 'plugins/embedder-static/index.ts'));
  const embedder = await plugin.setup(fakeHost(), plugin.config.parse({}));
  const table = new OutcomeTable();
  for (let at = 0; at < 400; at++) {
    const query = prompt(60);
    for (const [place, model] of ['one', 'other'].entries())
      table.add({ query_id: `q${at}`, query, model, performance: at % 2 === place ? 1 : 0 });
  }
  const known = table.finish();
  const vectors = await embedder.embed(known.questions.map(({ text }) => text));
  const raw = known.questions.map(({ text }, at) => rawFeatures(text, vectors[at]));
  return trainArtefact(learners.get('llmrouter-mlp') ?? linearLearner, known, raw, {
    ...{ seed: 1, validationShare: 0.15, embedder: embedder.version, dataHash: '' },
  });
}

async function started(folder) {
  const file = join(folder, 'config.yaml');
  const deployment = (name) => ({
    model_name: 'auto',
    litellm_params: { model: `simulated/${name}` },
    model_info: { router_model: name },
  });
  writeFileSync(join(folder, 'router.rra'), await artefact());
  writeFileSync(
    file,
    JSON.stringify({
      model_list: ['one', 'other'].map(deployment),
      router_settings: {
        routing_strategy: 'llmrouter-mlp',
        routing_strategy_args: { model_path: join(folder, 'router.rra') },
      },
    }),
  );
  const args = ['--require', join(root, 'test/perf/loop-probe.cjs'), join(root, 'core/cli/rutter.mjs')];
  const env = {
    PATH: process.env.PATH,
    HOME: folder,
    RUTTER_DATA: join(folder, 'data'),
    RUTTER_LOOP_PROBE: join(folder, 'probe'),
  };
  env.NODE_OPTIONS = `--require ${join(root, 'test/perf/loop-probe.cjs')}`;
  const child = spawn(
    process.execPath,
    [...args.slice(2), 'serve', '--config', file, '--port', '0', '--host', '127.0.0.1'],
    {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (piece) => (output += piece));
  for (let waited = 0; waited < 60_000; waited += 50) {
    const port = /"port":(\d+)|127\.0\.0\.1:(\d+)/.exec(output);
    if (port) return { child, url: `http://127.0.0.1:${port[1] ?? port[2]}` };
    if (child.exitCode !== null) break;
    await sleep(50);
  }
  child.kill();
  throw new Error(`The gateway was not ready:\n${output.slice(-2_000)}`);
}

/** Sends at the rate whatever comes back; the number of answers. */
async function flood(url, count) {
  const begun = performance.now();
  const bodies = Array.from({ length: 64 }, () =>
    JSON.stringify({ model: 'auto', messages: [{ role: 'user', content: prompt(2_000) }] }),
  );
  const running = [];
  let answered = 0;
  for (let at = 0; at < count; at++) {
    const aheadMs = begun + (at * 1_000) / rate - performance.now();
    if (aheadMs > 0) await sleep(aheadMs);
    // Every prompt is another one: nothing is remembered.
    const body = bodies[at % bodies.length].replace('"content":"', `"content":"question ${at} `);
    const headers = { 'content-type': 'application/json' };
    running.push(
      fetch(`${url}/v1/chat/completions`, { method: 'POST', headers, body }).then(async (reply) => {
        await reply.text();
        if (reply.status === 200 && reply.headers.get('x-rutter-route')?.includes('llmrouter-mlp')) answered++;
      }),
    );
  }
  await Promise.all(running);
  return answered;
}

/** Milliseconds of delay over so many seconds of load, and of main-thread CPU a request. */
export async function delayUnderLoad(seconds) {
  const folder = mkdtempSync(join(tmpdir(), 'rutter-loop-'));
  const { child, url } = await started(folder);
  try {
    const count = Math.round(rate * seconds);
    // The first second is what the compiler learns from.
    await flood(url, rate);
    const told = () => JSON.parse(readFileSync(join(folder, `probe.${child.pid}`), 'utf8'));
    process.kill(child.pid, 'SIGUSR2');
    const answered = await flood(url, count);
    await sleep(400);
    const { p50, p99, cpuMs, epoch } = told();
    if (epoch === 0) throw new Error('The probe was not told to begin.');
    return { wall: { p50, p99 }, cpu: cpuMs / count, answered, count };
  } finally {
    child.kill();
    if (child.exitCode === null) await once(child, 'exit');
    rmSync(folder, { recursive: true, force: true });
  }
}
