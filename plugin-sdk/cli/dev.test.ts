import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { devConfiguration } from './dev-configuration.ts';
import { devLog } from './dev-log.ts';
import { findGateway } from './gateway.ts';
import { type Workbench, workbench } from './workbench.fixture.ts';

const config = '/tmp/dev.1/rutter.yaml';
const tell = (fields: object) => devLog('mine', config).tell(JSON.stringify({ level: 30, time: 1, ...fields }));
const served = {
  name: 'observer-log',
  msg: 'request served',
  status: 200,
  ending: 'complete',
  group: 'dev',
  model: 'dev',
  route: 'dev: simulated/quick (quick), chosen by mine',
  attempts: 1,
  durationMs: 62.7,
  costNanoUsd: 21_000,
};

describe('the log of a development gateway', () => {
  it('tells a decision in one line', () => {
    expect(tell(served)).toBe('200  dev: simulated/quick (quick), chosen by mine · 1 attempt · 63 ms · $0.000021');
  });

  it('tells tries, failures and how a request ended otherwise', () => {
    const tries = 'a ERR_PROVIDER_TIMEOUT 50ms, b 200 20ms';
    expect(tell({ ...served, attempts: 2, tries, costNanoUsd: undefined })).toContain(
      `2 attempts (${tries}) · 63 ms · no price`,
    );
    expect(tell({ ...served, status: 502, error: 'ERR_PROVIDER_STREAM', ending: 'broke' })).toMatch(
      /^502 .* · ERR_PROVIDER_STREAM · ended: broke$/,
    );
    expect(tell({ ...served, route: 'found in cache mine', cacheHit: true })).toMatch(
      /^200 {2}dev: found in cache mine .*from a cache$/,
    );
  });

  it('names the group once, whether or not the route does', () => {
    for (const route of ['dev', 'dev, found in cache mine', 'dev: a (a), the only candidate'])
      expect(tell({ ...served, route })).toContain(`200  ${route} · `);
    expect(tell({ ...served, route: 'development' })).toContain('200  dev: development · ');
  });

  it('tells a start, a reload and a refusal, without the place in a file nobody wrote', () => {
    const reload = { name: 'reload', generation: 2, durationMs: 40.2, kept: 5 };
    expect(tell({ ...reload, sources: ['boot'], started: ['mine', 'other'] })).toBe(
      'STARTED  generation 2 (boot): set up mine, other · 40 ms',
    );
    expect(tell({ ...reload, sources: ['file'], started: [] })).toBe(
      'RELOADED generation 2 (file): set up nothing anew · 40 ms',
    );
    const reasons = [`${config}:4:5: plugins[4]: Plugin "mine" cannot be packed.\n/x/index.ts:1:1: Unexpected ")"`];
    expect(tell({ ...reload, level: 50, reasons })).toBe(
      'REFUSED  the running generation 2 stays\n    Plugin "mine" cannot be packed.\n    /x/index.ts:1:1: Unexpected ")"',
    );
    expect(tell({ name: 'reload', level: 50, msg: 'refused: …' })).toBeUndefined();
    expect(tell({ name: 'reload', level: 40, msg: 'unknown key', path: 'x' })).toBe('WARNING  unknown key path=x');
  });

  it('shows all that the plugin says, and of others warnings and errors alone', () => {
    expect(tell({ name: 'mine', msg: 'hello', count: 3 })).toBe('log      mine: hello count=3');
    expect(tell({ name: 'other', msg: 'hello' })).toBeUndefined();
    expect(tell({ name: 'other', level: 50, msg: 'broken', cause: { a: 1 } })).toBe(
      'ERROR    other: broken cause={"a":1}',
    );
  });

  it('passes on what is no JSON and drops empty lines', () => {
    const log = devLog('mine', config);
    expect(log.tell('plain words')).toBe('plain words');
    expect(log.tell('{ torn')).toBe('{ torn');
    expect(log.tell('  ')).toBeUndefined();
  });
});

describe('the configuration of a development gateway', () => {
  const of = (kind: 'strategy' | 'provider' | 'cache', claims = {}, base?: string) => {
    const made = devConfiguration({ folder: '/x/mine', kind, manifest: { name: 'mine', claims } }, base);
    return { model: made.model, ...JSON.parse(made.text) };
  };
  const names = (made: { model_list: { model_name: string }[] }) => made.model_list.map(({ model_name }) => model_name);

  it('trusts the plugin and offers simulated models by name and by any other', () => {
    const made = of('cache');
    expect(made.plugins).toEqual([{ use: '/x/mine', as: 'mine', trust: true }]);
    expect(made.derive).toBe(true);
    expect(names(made)).toEqual(['simulated', '*']);
    expect(made.model).toBe('simulated');
  });

  it('gives a strategy one group of three deployments that differ in latency and price', () => {
    const made = of('strategy');
    expect(names(made)).toEqual(['dev', 'dev', 'dev', 'simulated', '*']);
    const scripts = made.plugins[1].config.models as Record<string, { latencyMs: number }>;
    expect(new Set(Object.values(scripts).map(({ latencyMs }) => latencyMs)).size).toBe(3);
    expect(made.model).toBe('dev');
  });

  it('gives a provider a model under the prefix it claims', () => {
    const made = of('provider', { modelPrefixes: ['acme'] });
    expect(made.model_list[0]).toEqual({ model_name: 'dev', litellm_params: { model: 'acme/default' } });
    expect(made.model).toBe('dev');
  });

  it('adds only the plugin to a configuration of the user’s own', () => {
    const made = of('strategy', {}, '/x/own.yaml');
    expect(made).toEqual({
      include: '/x/own.yaml',
      plugins: [{ use: '/x/mine', as: 'mine', trust: true }],
      model: 'MODEL',
    });
  });
});

describe('the search for the gateway', () => {
  let bench: Workbench;
  beforeEach(() => {
    bench = workbench();
  });
  afterEach(() => bench.remove());

  it.each(['core/cli/rutter.mjs', 'node_modules/@rutter/core/cli/rutter.mjs'])('finds %s above the SDK', (program) => {
    const from = join(bench.folder, 'a', 'plugin-sdk');
    mkdirSync(from, { recursive: true });
    const path = join(bench.folder, program);
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, '');
    expect(findGateway(from)).toBe(path);
  });

  it('says where it looked and what is missing', () => {
    expect(() => findGateway(bench.folder)).toThrow(`Found no gateway beside the SDK in ${bench.folder}`);
  });
});
