import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HostFetchOptions, Manifest, Need } from '@rutter/plugin-sdk';
import { manualClock } from '@rutter/plugin-sdk/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Sandbox } from '../sandbox/sandbox.ts';
import { createHost } from './host.ts';
import { KeepStore } from './keep.ts';
import type { KernelServices } from './kernel-services.ts';

let dataFolder: string;
const clock = manualClock();
const logged: { level: string; fields: Readonly<Record<string, unknown>>; message: string | undefined }[] = [];
let fetched: HostFetchOptions | undefined;
let kernel: KernelServices;

beforeEach(async () => {
  dataFolder = await mkdtemp(join(tmpdir(), 'rutter-host-'));
  logged.length = 0;
  const at = (level: string) => (fields: Readonly<Record<string, unknown>>, message?: string) =>
    void logged.push({ level, fields, message });
  kernel = {
    log: () => ({ debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }),
    clock,
    seed: 'seed',
    dataFolder,
    fetch: async (_url, options) => {
      fetched = options;
      return new Promise(() => {});
    },
    spawnEnabled: true,
    invoke: async () => Promise.reject(new Error('unused')),
    provides: [],
    use: () => undefined,
    keep: new KeepStore(),
    features: { registry: () => ({ define: () => {} }), forget: () => {} },
    sandbox: new Sandbox(),
  };
});
afterEach(() => rm(dataFolder, { recursive: true, force: true }));

const manifest = (needs: readonly Need[]): Manifest => ({
  api: 1,
  kind: 'observer',
  name: 'sample',
  entry: 'index.ts',
  version: '1.2.3',
  needs,
  claims: {},
  provides: [],
  uses: [],
  external: [],
  shared: false,
  stability: 'stable',
});

const faults: unknown[] = [];
const hostWith = (needs: readonly Need[] = [], name = 'mine', services = new Map<string, unknown>()) =>
  createHost({ name, key: 'key', manifest: manifest(needs), kernel, services, onFault: (error) => faults.push(error) });

describe('what a manifest does not list', () => {
  it('is refused, naming the plugin and the need', async () => {
    const { host } = hostWith(['text']);
    const refusal = (ability: string, need: string) => ({
      code: 'ERR_PLUGIN_INVALID',
      message: `Plugin "mine" used host.${ability}; found needs ["text"] in its manifest, expected "${need}" among them.`,
    });
    expect(() => host.dataFolder).toThrow(expect.objectContaining(refusal('dataFolder', 'files')));
    expect(() => host.spawn('true', [])).toThrow(expect.objectContaining(refusal('spawn', 'spawn')));
    await expect(host.fetch('https://x.test')).rejects.toMatchObject(refusal('fetch', 'fetch'));
    await expect(host.invoke('group', { messages: [] }, {} as never)).rejects.toMatchObject(
      refusal('invoke', 'invoke'),
    );
    expect(() => host.use('store')).toThrow('expected "store" among them');
  });

  it('is refused where the gateway has switched it off', () => {
    kernel = { ...kernel, spawnEnabled: false };
    expect(() => hostWith(['spawn']).host.spawn('true', [])).toThrow('which this gateway has switched off');
  });

  it('is refused after the instance has ended', () => {
    const { host, end } = hostWith();
    end();
    expect(() => host.every(1000, () => {})).toThrow('after its instance had ended');
  });
});

describe('the host', () => {
  it('gives each instance a folder, numbers and services of its own', () => {
    const { host } = hostWith(['files'], 'mine', new Map([['store', { flavour: 'sqlite' }]]));
    expect(host.dataFolder).toBe(join(dataFolder, 'instances', 'mine'));
    expect(host.version).toBe('1.2.3');
    expect(host.use('store')).toEqual({ flavour: 'sqlite' });
    const numbers = (name: string) => {
      const { random } = hostWith([], name).host;
      return Array.from({ length: 1000 }, random);
    };
    expect(numbers('a')).toEqual(numbers('a'));
    expect(numbers('a')).not.toEqual(numbers('b'));
    const mean = numbers('a').reduce((sum, value) => sum + value, 0) / 1000;
    expect(mean).toBeGreaterThan(0.45);
    expect(mean).toBeLessThan(0.55);
    expect(numbers('a').every((value) => value >= 0 && value < 1)).toBe(true);
  });

  it('keeps state while name and version stay, and at most 64 entries', () => {
    const first = hostWith().host.keep('seen', 1, () => new Map([['a', 1]]));
    expect(hostWith().host.keep('seen', 1, () => new Map())).toBe(first);
    expect(hostWith().host.keep('seen', 2, () => 'new')).toBe('new');
    expect(hostWith([], 'other').host.keep('seen', 2, () => 'own')).toBe('own');
    const { host } = hostWith();
    for (let index = 1; index < 64; index += 1) host.keep(`entry ${index}`, 1, () => index);
    expect(() => host.keep('one more', 1, () => 0)).toThrow('more than 64 entries; found one more, "one more"');
    kernel.keep.drop('mine');
    expect(hostWith().host.keep('seen', 2, () => 'fresh')).toBe('fresh');
  });

  it('runs a timer each interval, skips a turn while the last one runs, and stops it with the instance', async () => {
    const { host, end } = hostWith();
    let runs = 0;
    let finish = () => {};
    host.every(100, () => {
      runs += 1;
      return new Promise((resolve) => {
        finish = resolve;
      });
    });
    await clock.advance(350);
    expect(runs).toBe(1);
    finish();
    await clock.advance(100);
    expect(runs).toBe(2);
    const stop = host.every(100, () => {
      throw new Error('tick');
    });
    await clock.advance(100);
    expect(faults.splice(0)).toEqual([new Error('tick')]);
    stop();
    end();
    await clock.advance(1000);
    expect(runs).toBe(2);
    expect(logged.at(-1)).toMatchObject({ level: 'warn', fields: { tasks: 1, timers: 1, children: 0 } });
  });

  it('refuses a timer without an interval, and one too many', () => {
    const { host, end } = hostWith();
    expect(() => host.every(0, () => {})).toThrow('an interval of 0 ms');
    expect(() => host.every(Number.NaN, () => {})).toThrow('an interval of NaN ms');
    for (let count = 0; count < 64; count += 1) host.every(1000, () => {});
    expect(() => host.every(1000, () => {})).toThrow('at most 1 ms and at most 64 timers'.replace('most 1', 'least 1'));
    end();
  });

  it('aborts exchanges when the instance ends', () => {
    const { host, end } = hostWith(['fetch']);
    void host.fetch('https://x.test', { timeoutMs: 5, signal: new AbortController().signal });
    expect(fetched?.timeoutMs).toBe(5);
    expect(fetched?.signal?.aborted).toBe(false);
    end();
    expect(fetched?.signal?.aborted).toBe(true);
  });
});

describe('child processes', () => {
  const { execPath } = process;

  it('take lines in and give lines out, with only the environment given', async () => {
    const { host, end } = hostWith(['spawn']);
    const script =
      "process.stdin.on('data', (d) => process.stdout.write(d + JSON.stringify(Object.keys(process.env)) + '\\r\\nlast'))";
    const child = host.spawn(execPath, ['-e', script], { env: { ONLY: 'this' } });
    await child.write('hello\n');
    const lines: string[] = [];
    for await (const line of child.lines) {
      lines.push(line);
      if (lines.length === 2) child.kill();
    }
    expect(lines).toEqual(['hello', '["ONLY"]', 'last']);
    expect(await child.exited).toEqual({ code: null, signal: 'SIGKILL' });
    end();
    expect(logged.filter(({ level }) => level === 'warn')).toEqual([]);
  });

  it('end with the instance, and their own children with them; that is told as a fault', async () => {
    const hung = createServer();
    const closed = new Promise<void>((resolve) => {
      hung.on('connection', (socket) =>
        socket
          .on('error', () => {})
          .on('close', () => resolve())
          .resume(),
      );
    });
    await new Promise<void>((resolve) => hung.listen(0, '127.0.0.1', resolve));
    const { port } = hung.address() as { port: number };
    const { host, end } = hostWith(['spawn']);
    const inner = `require('net').connect(${port}, '127.0.0.1', () => console.log('up'))`;
    const outer = `require('child_process').spawn(process.execPath, ['-e', ${JSON.stringify(inner)}], { stdio: 'inherit' })`;
    const child = host.spawn(execPath, ['-e', outer]);
    for await (const line of child.lines) if (line === 'up') break;
    end();
    expect((await child.exited).signal).toBe('SIGKILL');
    await closed;
    hung.close();
    expect(logged.at(-1)).toMatchObject({ level: 'warn', fields: { children: 1 } });
  });

  it('that cannot be started are refused with the command', () => {
    expect(() => hostWith(['spawn']).host.spawn('/nowhere/program', [])).toThrow('could not start "/nowhere/program"');
  });

  it('that write a line without an end are killed', async () => {
    const { host, end } = hostWith(['spawn']);
    const child = host.spawn(execPath, ['-e', "setInterval(() => process.stdout.write('x'.repeat(65536)), 1)"]);
    const reading = (async () => {
      for await (const line of child.lines) expect(line).toBe('never');
    })();
    await expect(reading).rejects.toThrow('a line of more than 1048576 characters');
    await child.exited;
    end();
  });
});
