/** Who is compared, and how each is started: `{ name, command, env, headers, files }` for one port and vendor. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));
const here = (file) => join(import.meta.dirname, file);
const key = 'sk-bench';
export const model = 'gpt-4o-mini';

/** Eight deployments under one name, a key, prices, the default ledger and the default log line for each request. */
const rutterConfig = (vendor) => ({
  model_list: Array.from({ length: 8 }, (_, index) => ({
    model_name: model,
    litellm_params: {
      model: `openai/${model}`,
      api_base: `${vendor}/v1`,
      api_key: `sk-vendor-${index}`,
      input_cost_per_token: 0.15e-6,
      output_cost_per_token: 0.6e-6,
    },
  })),
  router_settings: { routing_strategy: 'least-busy' },
  general_settings: { master_key: key },
});

const own = {
  pipe: () => ({ command: [process.execPath, here('pipe.mjs')] }),
  koa: ({ folder }) => ({
    command: [process.execPath, here('koa.mjs')],
    env: { KEY: key, LOG_FILE: join(folder, 'koa.log') },
  }),
  rutter({ folder, vendor, port }) {
    const config = join(folder, 'config.yaml');
    writeFileSync(config, JSON.stringify(rutterConfig(vendor)));
    const serve = ['serve', '--config', config, '--port', String(port), '--host', '127.0.0.1'];
    return {
      command: [process.execPath, join(root, 'core/cli/rutter.mjs'), ...serve],
      env: { RUTTER_DATA: join(folder, 'data') },
    };
  },
};

export const ownNames = Object.keys(own);

/** Of a JSON file `{ name, cmd, env, headers }`: a contestant that this folder does not know. */
export function readExtra(file) {
  const given = JSON.parse(readFileSync(file, 'utf8'));
  if (typeof given.name !== 'string' || !Array.isArray(given.cmd) || given.cmd.length === 0)
    throw new Error(
      `${file}: expected {"name": text, "cmd": [program, ...arguments]}, found ${JSON.stringify(given)}.`,
    );
  if (own[given.name]) throw new Error(`${file}: the name "${given.name}" is taken; expected another one.`);
  return given;
}

/** With a folder of its own, which `remove` takes away. */
export function prepareContestant(name, { port, vendor, extras }) {
  const folder = mkdtempSync(join(tmpdir(), `rutter-bench-${name.replace(/\W/g, '-')}-`));
  const remove = () => {
    process.off('exit', remove);
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', remove);
  const common = { PORT: String(port), VENDOR: vendor, UPSTREAM_PORT: new URL(vendor).port, NODE_ENV: 'production' };
  const authorization = `authorization: Bearer ${key}`;
  const extra = extras.get(name);
  const { command, env } = extra ? { command: extra.cmd, env: extra.env } : own[name]({ folder, port, vendor });
  const headers = [authorization, ...(extra?.headers ?? [])];
  return { command, env: { ...common, ...env }, headers, folder, remove };
}
