import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Bench, happened, tellingSource } from './fixtures/bench.ts';

let bench: Bench;
beforeEach(async () => {
  bench = await Bench.create();
});
afterEach(() => bench.end());

/** Tells which options it was given. */
const echo = (kind: string, fields: string, parts = '') => `
import { definePlugin, secret, z } from '@rutter/plugin-sdk';
export default definePlugin({ kind: '${kind}', config: z.object({ ${fields} }), setup(host, config) {
  globalThis.happened.push(host.name + ' ' + JSON.stringify(config)); return { ${parts} };
} });`;

const provider = "origin: 'https://x.test', auth: { scheme: 'none' },";

async function composed(yaml: string) {
  await bench.configure(yaml);
  const keeper = bench.keeper();
  const report = await keeper.apply({ source: 'boot' });
  return { keeper, report, rows: keeper.list(), reasons: report.reasons.join('\n') };
}

const reasonOf = (rows: readonly { name: string; reason: string }[], name: string) =>
  rows.find((row) => row.name === name)?.reason;

describe('what a configuration calls for', () => {
  it('is a provider by the models, a strategy by its name, and anything by a setting', async () => {
    await bench.ship(
      'provider-acme',
      { kind: 'provider', claims: { modelPrefixes: ['acme/', 'acme_ai'] } },
      echo('provider', '', provider),
    );
    await bench.ship(
      'provider-other',
      { kind: 'provider', claims: { modelPrefixes: ['other'] } },
      echo('provider', '', provider),
    );
    await bench.ship(
      'swift',
      { kind: 'strategy', claims: { routingStrategies: ['swift'] } },
      echo('strategy', 'ttl: z.number().default(1)', 'select() {},'),
    );
    await bench.ship(
      'guard-key',
      { kind: 'guard', claims: { settings: ['general_settings.master_key'] } },
      echo('guard', 'master_key: secret()'),
    );
    const { rows, report } = await composed(`model_list:
  - { model_name: a, litellm_params: { model: acme/one } }
  - { model_name: b, litellm_params: { model: acme_ai/two } }
router_settings: { routing_strategy: swift, routing_strategy_args: { ttl: 5, lowest_latency_buffer: 0.5 } }
general_settings: { master_key: sk-very-secret }
`);
    expect(report.reasons).toEqual([]);
    expect(rows.map(({ name }) => name)).toEqual(['guard-key', 'provider-acme', 'swift', 'store-none', 'state-none']);
    expect(reasonOf(rows, 'provider-acme')).toBe('model_list[0] names acme/one');
    expect(reasonOf(rows, 'swift')).toBe('router_settings.routing_strategy is swift');
    expect(reasonOf(rows, 'guard-key')).toBe('general_settings.master_key is set');
    expect(happened.toSorted()).toEqual(['guard-key {"master_key":"[secret]"}', 'provider-acme {}', 'swift {"ttl":5}']);
    expect(report.diagnostics.map(({ message }) => message)).toContainEqual(
      expect.stringContaining('has no option "lowest_latency_buffer"'),
    );
  });

  it('finds settings in entries of lists and in lists of names, and hands them over under an option that the claim names', async () => {
    await bench.ship(
      'provider-acme',
      { kind: 'provider', claims: { modelPrefixes: ['acme'] } },
      echo('provider', '', provider),
    );
    await bench.ship(
      'guard-spend',
      {
        kind: 'guard',
        claims: {
          settings: [
            'model_list[].litellm_params.max_budget',
            'router_settings.provider_budget_config as providers',
            'router_settings.optional_pre_call_checks: sticky',
          ],
        },
      },
      echo('guard', 'providers: z.record(z.string(), z.any()).optional()', 'charge() { return []; },'),
    );
    const models = (second: string) => `model_list:
  - { model_name: a, litellm_params: { model: acme/one } }
  - { model_name: b, litellm_params: { model: acme/two${second} } }
`;
    const none = await composed(`${models('')}router_settings: { optional_pre_call_checks: [other] }`);
    expect(reasonOf(none.rows, 'guard-spend')).toBeUndefined();
    const entry = await composed(models(', max_budget: 3'));
    expect(reasonOf(entry.rows, 'guard-spend')).toBe('model_list[1].litellm_params.max_budget is set');
    const named = await composed(`${models('')}router_settings: { optional_pre_call_checks: [other, sticky] }`);
    expect(reasonOf(named.rows, 'guard-spend')).toBe('router_settings.optional_pre_call_checks is sticky');
    happened.length = 0;
    await composed(`${models('')}router_settings: { provider_budget_config: { acme: { budget_limit: 1 } } }`);
    expect(happened).toContain('guard-spend {"providers":{"acme":{"budget_limit":1}}}');
  });

  it('takes the block for a claim on a value, and the object for a claim on one', async () => {
    await bench.ship(
      'cache-x',
      { kind: 'cache', claims: { settings: ['litellm_settings.cache_params.type: local'] } },
      echo('cache', 'type: z.string(), ttl: z.number()', 'read() {}, write() {},'),
    );
    await bench.ship(
      'cache-y',
      { kind: 'cache', claims: { settings: ['litellm_settings.cache_params.type: redis'] } },
      echo('cache', '', 'read() {}, write() {},'),
    );
    await bench.ship(
      'watcher',
      { kind: 'observer', claims: { settings: ['litellm_settings.cache_params'] } },
      echo('observer', 'type: z.string(), ttl: z.number()'),
    );
    const { rows, reasons } = await composed(
      'litellm_settings: { cache: true, cache_params: { type: local, ttl: 60 } }\n',
    );
    expect(reasons).toBe('');
    expect(rows.map(({ name }) => name)).not.toContain('cache-y');
    expect(happened.toSorted()).toEqual(['cache-x {"type":"local","ttl":60}', 'watcher {"type":"local","ttl":60}']);
    expect(reasonOf(rows, 'cache-x')).toBe('litellm_settings.cache_params.type is local');
  });

  it('keeps implied options under those of an entry that names the plugin', async () => {
    await bench.ship(
      'guard-key',
      { kind: 'guard', claims: { settings: ['general_settings.master_key'] } },
      echo('guard', 'master_key: z.string(), strict: z.boolean().default(false)'),
    );
    const { rows } = await composed(
      'plugins: [{ use: guard-key, as: door, config: { strict: true } }]\ngeneral_settings: { master_key: sk-1 }\n',
    );
    expect(rows.map(({ name }) => name)).toEqual(['door', 'store-none', 'state-none']);
    expect(happened).toEqual(['door {"master_key":"sk-1","strict":true}']);
  });

  it('is nothing beyond the entries with derive: false, but for services that are needed', async () => {
    await bench.ship(
      'swift',
      { kind: 'strategy', claims: { routingStrategies: ['swift'] } },
      tellingSource('swift', 'strategy', 'select() {},'),
    );
    await bench.ship('extra', { kind: 'observer' }, tellingSource('extra'));
    await bench.write('default.yaml', 'plugins: [store-none, state-none, extra]\n');
    const { rows } = await composed('derive: false\nrouter_settings: { routing_strategy: swift }\n');
    expect(rows.map(({ name }) => name)).toEqual(['store-none', 'state-none']);
  });

  it('leaves a strategy in force for the groups that an entry does not name', async () => {
    await bench.ship(
      'swift',
      { kind: 'strategy', claims: { routingStrategies: ['swift'] } },
      tellingSource('swift', 'strategy', 'select() {},'),
    );
    await bench.ship(
      'provider-acme',
      { kind: 'provider', claims: { modelPrefixes: ['acme'] } },
      echo('provider', '', provider),
    );
    const yaml =
      'plugins: [{ use: swift, for: [a] }]\nrouter_settings: { routing_strategy: swift }\nmodel_list: [{ model_name: a, litellm_params: { model: acme/one } }]\n';
    const { rows, reasons } = await composed(yaml);
    expect(reasons).toBe('');
    expect(rows.filter(({ kind }) => kind === 'strategy').map((row) => [row.name, row.for])).toEqual([
      ['swift', ['a']],
      ['swift-default', undefined],
    ]);
  });

  it('replaces a default that provides the same service, and keeps the others', async () => {
    const parts = 'migrate() {}, query() {}, run() {}, append() {}, flush() {},';
    await bench.ship(
      'store-big',
      { kind: 'store', claims: { settings: ['general_settings.database_url'] } },
      echo('store', 'database_url: secret()', parts),
    );
    await bench.ship('extra', { kind: 'observer' }, tellingSource('extra'));
    await bench.write('default.yaml', 'plugins: [store-none, state-none, extra]\n');
    const { rows, reasons } = await composed('general_settings: { database_url: "postgres://u:p@h/d" }\n');
    expect(reasons).toBe('');
    expect(rows.map(({ name }) => name)).toEqual(['store-big', 'state-none', 'extra']);
    expect(reasonOf(rows, 'extra')).toBe('default observer');
  });
});

describe('a composition that cannot be', () => {
  const file = () => join(bench.root, 'config.yaml');

  it('names both claimants of one thing, unless an entry says which is meant', async () => {
    for (const name of ['provider-one', 'provider-two'])
      await bench.ship(name, { kind: 'provider', claims: { modelPrefixes: ['acme'] } }, echo('provider', '', provider));
    const models = 'model_list: [{ model_name: a, litellm_params: { model: acme/one } }]\n';
    const { reasons } = await composed(models);
    expect(reasons).toContain(`${file()}:1:14: model_list[0]: Two plugins claim models that begin with "acme/".`);
    expect(reasons).toMatch(/"provider-one" \(.*provider-one\) and "provider-two" \(.*provider-two\)/);
    const { rows } = await composed(`${models}plugins: [provider-two]\n`);
    expect(rows.map(({ name }) => name)).toEqual(['provider-two', 'store-none', 'state-none']);
  });

  it('names both providers of one service', async () => {
    await bench.ship('left', { kind: 'observer', provides: ['tools'] }, tellingSource('left'));
    await bench.ship('right', { kind: 'observer', provides: ['tools'] }, tellingSource('right'));
    const { reasons } = await composed('plugins:\n  - left\n  - right\n');
    expect(reasons).toMatch(/Two plugins provide "tools"\. Found "left" \(listed under "plugins" in .*\) and "right"/);
  });

  it('names everyone in a circle', async () => {
    await bench.ship('left', { kind: 'observer', provides: ['l'], uses: ['r'] }, tellingSource('left'));
    await bench.ship('right', { kind: 'observer', provides: ['r'], uses: ['l'] }, tellingSource('right'));
    const { reasons } = await composed('plugins:\n  - left\n  - right\n');
    expect(reasons).toContain('left → right → left');
  });

  it('names a missing service and who uses it', async () => {
    await bench.ship('left', { kind: 'observer', uses: ['modles'] }, tellingSource('left'));
    const { reasons } = await composed('plugins:\n  - left\n');
    expect(reasons).toContain(
      `${file()}:2:5: plugins[2]: Plugin "left" uses the service "modles", which nothing provides. Did you mean "models"?`,
    );
  });

  it('names what is needed and not installed', async () => {
    await bench.write('default.yaml', 'plugins: [state-none]\n');
    await bench.ship('store-second', { kind: 'store' }, tellingSource('store-second', 'store'));
    const { reasons } = await composed('derive: true\n');
    expect(reasons).toContain(
      'Several plugins provide "store", which the gateway needs. Found store-none, store-second',
    );
  });

  it('names an unknown plugin and the nearest', async () => {
    const { reasons } = await composed('plugins:\n  - store-nonne\n');
    expect(reasons).toContain(
      `${file()}:2:5: plugins[2]: There is no plugin "store-nonne". Did you mean "store-none"?`,
    );
  });

  it('names a strategy that is installed nowhere', async () => {
    expect((await composed('router_settings: { routing_strategy: swfit }\n')).reasons).toContain('swfit');
  });
});

describe('plugins in folders', () => {
  const bareObserver =
    "import { definePlugin } from '@rutter/plugin-sdk';\nexport default definePlugin({ kind: 'observer', setup: () => ({}) });\n";
  const bare =
    "import { definePlugin } from '@rutter/plugin-sdk';\nexport default definePlugin({ kind: 'observer', setup(host) { globalThis.happened.push('setup ' + host.name); return {}; } });\n";

  it('run from sources when an entry trusts them', async () => {
    await bench.write('mine/index.js', bare);
    const { reasons, rows } = await composed('plugins:\n  - { use: ./mine, trust: true }\n');
    expect(reasons).toBe('');
    expect(happened).toEqual(['setup mine']);
    expect(rows[0]).toMatchObject({ name: 'mine', kind: 'observer', version: '0.0.0', place: 'in-process' });
  });

  it('bring prefixes and strategies that the configuration may use at once', async () => {
    await bench.source(
      'mine',
      { kind: 'provider', claims: { modelPrefixes: ['mine'] } },
      echo('provider', '', provider),
    );
    const { reasons, rows } = await composed(
      'plugins:\n  - { use: ./mine, trust: true }\nmodel_list: [{ model_name: a, litellm_params: { model: mine/one } }]\n',
    );
    expect(reasons).toBe('');
    expect(rows[0]?.name).toBe('mine');
  });

  it('run in the sandbox without trust, and nothing of them runs in this process', async () => {
    await bench.write('mine/index.js', `globalThis.happened?.push('evaluated');\n${bareObserver}`);
    const { reasons, rows } = await composed('plugins:\n  - use: ./mine\n');
    expect(reasons).toBe('');
    expect(rows.find(({ name }) => name === 'mine')).toMatchObject({ place: 'sandbox', sandbox: { state: 'running' } });
    expect(happened).toEqual([]);
  });

  it('that were dropped into the plugin folder run only when an entry says trust', async () => {
    await bench.write('data/plugins/dropped/index.js', bare);
    const first = await composed('derive: true\n');
    expect(first.report.ok).toBe(true);
    expect(first.report.diagnostics).toContainEqual(
      expect.objectContaining({
        severity: 'warning',
        message: expect.stringContaining('"dropped" lies in the plugin folder'),
      }),
    );
    expect((await composed('plugins: [dropped]\n')).reasons).toContain('Plugin "dropped" in the sandbox: it failed');
    expect(happened).toEqual([]);
    const { reasons } = await composed('plugins: [{ use: dropped, trust: true }]\n');
    expect(reasons).toBe('');
    expect(happened).toEqual(['setup dropped']);
  });

  it('with a name that is taken are refused, naming both folders', async () => {
    await bench.source('mine', { kind: 'store', name: 'store-none' }, tellingSource('x', 'store'));
    const { reasons } = await composed('plugins:\n  - { use: ./mine, trust: true }\n');
    expect(reasons).toContain(
      `Two plugins are named "store-none". Found ${join(bench.root, 'plugins/store-none')} and ${join(bench.root, 'mine')}`,
    );
  });

  it('with a syntax error or a wrong api change nothing and say why', async () => {
    const keeper = bench.keeper();
    await keeper.apply({ source: 'boot' });
    const before = keeper.current;
    await bench.write('mine/index.js', 'export default {;\n');
    await bench.configure('plugins:\n  - { use: ./mine, trust: true }\n');
    const broken = await keeper.apply({ source: 'file' });
    expect(broken.reasons.join()).toContain(`${join(bench.root, 'mine/index.js')}:1:17: `);
    await bench.write(
      'mine/package.json',
      JSON.stringify({ rutter: { api: 2, kind: 'observer', name: 'mine', entry: 'index.js' } }),
    );
    const newer = await keeper.apply({ source: 'file' });
    expect(newer.reasons.join()).toContain('rutter.api: found 2, expected the number 1');
    expect(keeper.current).toBe(before);
    expect(keeper.watched.folders).toContain(join(bench.root, 'mine'));
  });

  it('are packed anew when a file of theirs changes, and only then', async () => {
    await bench.write('mine/index.js', bare);
    await bench.configure('plugins:\n  - { use: ./mine, trust: true }\n');
    const keeper = bench.keeper();
    await keeper.apply({ source: 'boot' });
    expect(await keeper.apply({ source: 'file' })).toMatchObject({ changed: false });
    await bench.write('mine/index.js', bare.replace('setup ', 'again '));
    expect(await keeper.apply({ source: 'file' })).toMatchObject({ ok: true, started: ['mine'] });
    expect(happened).toEqual(['setup mine', 'again mine']);
  });
});
