import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { root } from '../support/index.ts';

type Found = { readonly median: number; readonly min: number; readonly max: number; readonly count: number };
type Values = Readonly<Record<string, number>>;
interface Reading {
  readonly repetition: number;
  readonly contestant: string;
  readonly test: string;
  readonly values: Values;
}
interface Statistics {
  quantile(values: readonly number[], share: number): number | undefined;
  summary(values: readonly number[]): Found | undefined;
  judge(target: object, readings: readonly Reading[]): { readonly found?: Found; readonly verdict: string };
}

const folder = join(root, 'test/perf');
const { quantile, summary, judge }: Statistics = await import(join(folder, 'statistics.mjs'));

const reading = (repetition: number, contestant: string, rps: number): Reading => ({
  repetition,
  contestant,
  test: 'unary-16',
  values: { rps },
});

describe('the statistics of the benchmark', () => {
  it('give a value that was measured as a quantile, and nothing where nothing was', () => {
    const hundred = Array.from({ length: 100 }, (_none, index) => 100 - index);
    expect(quantile(hundred, 0.99)).toBe(99);
    expect(quantile(hundred, 0.5)).toBe(50);
    expect(quantile([7], 0.01)).toBe(7);
    expect(quantile([], 0.5)).toBeUndefined();
  });

  it('sum up by median and range and leave out what is no number', () => {
    expect(summary([9, 1, 4, Number.NaN, 2])).toEqual({ median: 3, min: 1, max: 9, count: 4 });
    expect(summary([Number.NaN])).toBeUndefined();
  });

  it('compare within a repetition, never across, so that a slow moment of the machine cancels out', () => {
    const readings = [1, 0.1, 1].flatMap((speed, index) => [
      reading(index, 'koa', 1000 * speed),
      reading(index, 'rutter', 800 * speed),
    ]);
    const target = { measure: 'unary-16.rps', of: 'koa', atLeast: 0.75 };
    expect(judge(target, readings)).toMatchObject({ verdict: 'met', found: { min: 0.8, max: 0.8, count: 3 } });
    expect(judge({ ...target, atLeast: 0.81 }, readings).verdict).toBe('missed');
    expect(judge({ measure: 'unary-16.rps', atMost: 799 }, readings).verdict).toBe('missed');
    expect(judge({ measure: 'start.readyMs', atMost: 1 }, readings).verdict).toBe('not measured');
  });
});

const bench = (...args: string[]) =>
  promisify(execFile)(process.execPath, [join(folder, 'run.mjs'), ...args], { timeout: 60_000 });

describe('npm run bench', () => {
  it('refuses a name it does not know and a number it cannot use', async () => {
    await expect(bench('--only', 'nginx')).rejects.toThrow(/--only names "nginx"; expected some of pipe, koa, rutter/);
    await expect(bench('--secs', 'long')).rejects.toThrow(/--secs is "long"; expected a number above 0/);
  });

  it.runIf(process.env.RUTTER_TEST_SLOW === '1')(
    'tells what a decision costs in each place, and what a child and a thread weigh',
    async () => {
      const run = promisify(execFile)(process.execPath, [join(folder, 'places.mjs')], { timeout: 120_000 });
      // A budget may be missed on a busy machine, which ends it with 1; what it measures is told all the same.
      const { stdout } = await run.catch((error: { readonly code: unknown; readonly stdout: string }) => error);
      for (const what of ['select in-process', 'added by the hook', 'select in the worker', 'select in the sandbox'])
        expect(stdout).toMatch(new RegExp(`${what}.*: [0-9.]+ [µn]s`));
      expect(stdout).toMatch(/memory of a child: [1-9][0-9.]+ MB/);
      expect(stdout).toMatch(/memory of a thread: [0-9.]+ MB/);
    },
    150_000,
  );

  it.runIf(process.env.RUTTER_TEST_SLOW === '1')(
    'measures a gateway in calls and in streams',
    async () => {
      const place = await mkdtemp(join(tmpdir(), 'rutter-bench-test-'));
      onTestFinished(() => rm(place, { recursive: true }));
      const json = join(place, 'readings.json');
      const only = 'rutter,unary-16,paced-64';
      const args = ['--reps', '1', '--secs', '2', '--noise', '600', '--only', only, '--report', '--json', json];
      const { stdout } = await bench(...args);
      const { readings } = JSON.parse(await readFile(json, 'utf8')) as { readonly readings: readonly Reading[] };
      const values = new Map(readings.map((one) => [one.test, one.values]));
      expect([...values.keys()]).toEqual(['start', 'unary-16', 'paced-64']);
      expect(values.get('start')?.rssMb).toBeGreaterThan(30);
      expect(values.get('unary-16')).toMatchObject({ errors: 0, rps: expect.any(Number), cpuUs: expect.any(Number) });
      expect(values.get('unary-16')?.requests).toBeGreaterThan(100);
      expect(values.get('paced-64')?.chunks).toBeGreaterThan(1000);
      expect(values.get('paced-64')?.transitUs).toBeGreaterThan(10);
      expect(stdout).toContain('ready after ms');
    },
    60_000,
  );
});
