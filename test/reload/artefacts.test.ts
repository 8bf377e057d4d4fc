/**
 * A router that is replaced while it decides. `RUTTER_TEST_SLOW=1` replaces it
 * 200 times, else 10 times.
 *
 * Two artefacts disagree about everything, and each decision names the one it
 * was made by: one by a mixture of both, or by half of one, would show.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFile, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, expect, it } from 'vitest';
import {
  type Gateway,
  openAiDeployment,
  openAiVendor,
  root,
  startGateway,
  startVendor,
  until,
} from '../support/index.ts';

const run = promisify(execFile);
const replacements = process.env.RUTTER_TEST_SLOW === '1' ? 200 : 10;
const folder = await mkdtemp(join(tmpdir(), 'rutter-artefacts-'));
afterAll(() => rm(folder, { recursive: true }));
const at = (name: string) => join(folder, name);

const sums = (index: number) => `Add ${index} and ${index + 7}, then halve the sum.`;
const poems = (index: number) => `Write a tender poem about the autumn river called ${index}.`;

/** `sums` names the model that is right about them; the other one is right about poems. */
const outcomes = (right: { readonly sums: string; readonly poems: string }) =>
  Array.from({ length: 200 }, (_, index) => {
    const [query, best] = index % 2 === 0 ? [sums(index), right.sums] : [poems(index), right.poems];
    return ['small', 'large'].map((model) =>
      JSON.stringify({ query_id: `q${index}`, query, model, performance: model === best ? 1 : 0 }),
    );
  })
    .flat()
    .join('\n');

async function trained(name: string, right: Parameters<typeof outcomes>[0]) {
  await writeFile(at(`${name}.jsonl`), outcomes(right));
  const args = ['train', 'llmrouter-knn', '--data', `${name}.jsonl`, '--out', `${name}.rra`];
  await run(process.execPath, [join(root, 'core/cli/rutter.mjs'), ...args], {
    env: { ...process.env, RUTTER_DATA: at('data'), LITELLM_CONFIG_PATH: at('lab.yaml') },
    cwd: folder,
  });
  const bytes = await readFile(at(`${name}.rra`));
  return { bytes, right, version: createHash('sha256').update(bytes).digest('hex').slice(0, 16) };
}

await writeFile(at('lab.yaml'), 'model_list:\n  - {model_name: m, litellm_params: {model: simulated/m}}\n');
const one = await trained('one', { sums: 'small', poems: 'large' });
const other = await trained('other', { sums: 'large', poems: 'small' });
const byVersion = new Map([one, other].map((artefact) => [artefact.version, artefact]));

const slowMs = 20 * 60_000;

it(`is replaced ${replacements} times under load, without a failed request or a decision by half an artefact`, {
  timeout: slowMs,
}, async () => {
  const vendors = {
    small: await startVendor(openAiVendor({ reply: 'small' })),
    large: await startVendor(openAiVendor({ reply: 'large' })),
  };
  const file = at('live.rra');
  await writeFile(file, one.bytes);
  const gateway = await startGateway({
    config: {
      model_list: (['small', 'large'] as const).map((name) =>
        openAiDeployment('chat', vendors[name], {}, { id: name, router_model: name }),
      ),
      router_settings: {
        routing_strategy: 'llmrouter-knn',
        routing_strategy_args: { model_path: file, reload_interval: 1 },
        num_retries: 0,
      },
    },
  });
  const versions = new Map<string, number>();
  const failures: string[] = [];
  let isOver = false;
  let answered = 0;
  const ask = async (index: number) => {
    const isSum = index % 2 === 0;
    const response = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        model: 'chat',
        messages: [{ role: 'user', content: (isSum ? sums : poems)(index % 400) }],
      }),
    });
    const text = await response.text();
    if (response.status !== 200) throw new Error(`${response.status}: ${text.slice(0, 200)}`);
    const route = response.headers.get('x-rutter-route') ?? '';
    const version = /llmrouter-knn [\d.]+, artefact ([0-9a-f]{16}): /.exec(route)?.[1] ?? '';
    const said = response.headers.get('x-rutter-deployment');
    const { right } = byVersion.get(version) ?? { right: undefined };
    const expected = isSum ? right?.sums : right?.poems;
    if (said !== expected) throw new Error(`${said} in place of ${expected}: ${route}`);
    versions.set(version, (versions.get(version) ?? 0) + 1);
  };
  const caller = async (from: number) => {
    for (let index = from; !isOver; index += 7) {
      try {
        await ask(index);
        answered++;
      } catch (error) {
        failures.push(String(error));
        if (failures.length > 10) return;
      }
    }
  };
  const callers = [0, 1, 2, 3].map(caller);

  const takes = (version: string) =>
    until(
      `artefact ${version} to decide`,
      async () => {
        const reply = await fetch(`${gateway.url}/router/route`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ model: 'chat', query: sums(1) }),
        });
        return ((await reply.json()) as { artefact?: string }).artefact === version ? true : undefined;
      },
      60_000,
    );
  for (let count = 1; count <= replacements; count++) {
    const next = count % 2 === 0 ? one : other;
    if (count % 3 === 0) await inPieces(gateway, file, next.bytes);
    else {
      await writeFile(`${file}.new`, next.bytes);
      await rename(`${file}.new`, file);
    }
    await takes(next.version);
  }
  isOver = true;
  await Promise.all(callers);
  expect(failures).toEqual([]);
  expect([...versions.keys()].sort()).toEqual([one.version, other.version].sort());
  expect(answered).toBeGreaterThan(replacements);
});

/** As a careless copy does it: the rest comes when the half has been looked at and refused. */
async function inPieces(gateway: Pick<Gateway, 'output'>, file: string, bytes: Buffer): Promise<void> {
  const refusals = () => gateway.output().split('the router could not be loaded').length;
  const before = refusals();
  const half = Math.floor(bytes.length / 2);
  await writeFile(file, bytes.subarray(0, half));
  await until('the half to be refused', () => refusals() > before || undefined, 60_000);
  await appendFile(file, bytes.subarray(half));
}
