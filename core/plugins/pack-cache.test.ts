import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../generation/fixtures/bench.ts';
import { Sandbox } from '../sandbox/sandbox.ts';
import { PackCache } from './pack-cache.ts';

const sandbox = new Sandbox();
afterAll(() => sandbox.close());

let root: string;
let folder: string;
let cacheFolder: string;
beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'rutter-cache-')));
  folder = join(root, 'mine');
  cacheFolder = join(root, 'cache');
  await mkdir(folder);
});
afterEach(() => rm(root, { recursive: true, force: true }));

const text =
  "import { definePlugin } from '@rutter/plugin-sdk';\nexport default definePlugin({ kind: 'observer', setup: () => ({}) });\n";
const write = (content: string) => writeFile(join(folder, 'index.js'), content);
const cache = (deadlineMs?: number) =>
  new PackCache({ folder: cacheFolder, clock: systemClock, sandbox, ...(deadlineMs ? { deadlineMs } : {}) });

describe('PackCache', () => {
  it('packs a folder once for each content, and finds it again', async () => {
    await write(text);
    const first = await cache().pack(folder);
    expect(JSON.parse(await readFile(join(first, 'plugin.json'), 'utf8'))).toMatchObject({
      name: 'mine',
      kind: 'observer',
    });
    expect(await cache().pack(folder)).toBe(first);
    await write(`${text}// changed\n`);
    const second = await cache().pack(folder);
    expect(second).not.toBe(first);
    expect((await readdir(cacheFolder)).sort()).toEqual(
      [first, second].map((path) => path.slice(cacheFolder.length + 1)).sort(),
    );
  });

  it('lets several pack the same at once', async () => {
    await write(text);
    const entries = await Promise.all([cache().pack(folder), cache().pack(folder)]);
    expect(entries[1]).toBe(entries[0]);
    expect(await readdir(cacheFolder)).toHaveLength(1);
  });

  it('kills a packing that does not end, and leaves no draft', async () => {
    await write(`${text}for (;;) {}\n`);
    await expect(cache(1500).pack(folder)).rejects.toMatchObject({
      code: 'ERR_PLUGIN_INVALID',
      message: `Packing ${folder} took longer than 1500 ms: expected a top level that ends.`,
    });
    expect(await readdir(cacheFolder)).toEqual([]);
  });

  it('leaves no packing behind when its own process is killed', async () => {
    await write(`${text}for (;;) {}\n`);
    const source = JSON.stringify(join(import.meta.dirname, 'pack-cache.ts'));
    const program = `import { PackCache } from ${source};
      const clock = { sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)) };
      await new PackCache({ folder: ${JSON.stringify(cacheFolder)}, clock, sandbox: {} }).pack(${JSON.stringify(folder)});`;
    const flags = ['--conditions=@rutter/source', '--no-warnings', '--input-type=module', '-e', program];
    const gateway = spawn(process.execPath, flags, { stdio: 'ignore' });
    const packings = async () => {
      const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && Number(name) !== gateway.pid);
      const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
      return lines.filter((line) => line.includes(folder)).length;
    };
    await expect.poll(packings, { timeout: 10_000 }).toBe(1);
    gateway.kill('SIGKILL');
    await expect.poll(packings, { timeout: 10_000 }).toBe(0);
  });

  it('survives a plugin that ends its process, and says so', async () => {
    await writeFile(
      join(folder, 'package.json'),
      JSON.stringify({ rutter: { api: 1, kind: 'observer', name: 'mine', entry: 'index.js', needs: ['node'] } }),
    );
    await write(`import { exit } from 'node:process';\n${text}exit(7);\n`);
    await expect(cache().pack(folder)).rejects.toThrow('The packing process ended with 7.');
  });

  it('gives the packing process nothing of the environment', async () => {
    process.env.RUTTER_TEST_TOKEN = 'token';
    await writeFile(
      join(folder, 'package.json'),
      JSON.stringify({ rutter: { api: 1, kind: 'observer', name: 'mine', entry: 'index.js', needs: ['node'] } }),
    );
    await write(
      `import { env } from 'node:process';\n${text}throw new Error(JSON.stringify(env.RUTTER_TEST_TOKEN ?? 'nothing'));\n`,
    );
    await expect(cache().pack(folder)).rejects.toThrow('threw while it was loaded: "nothing"');
    delete process.env.RUTTER_TEST_TOKEN;
  });
});
