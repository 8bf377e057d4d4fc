import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Kind } from '../contract/kinds.ts';
import { kindNames } from '../pack/manifest.ts';
import * as testing from '../testing/index.ts';
import { type Workbench, workbench } from './workbench.fixture.ts';

let bench: Workbench;
beforeAll(() => {
  bench = workbench();
});
afterAll(() => bench.remove());

const suiteOf = (kind: Kind) => `check${kind.charAt(0).toUpperCase()}${kind.slice(1)}`;
const hasSuite = (kind: Kind) => suiteOf(kind) in testing;

describe.each(kindNames)('a new %s', (kind) => {
  it('in TypeScript passes every step of a check without an install', async () => {
    expect((await bench.run('create', kind, `typed-${kind}`)).code).toBe(0);
    const { code, out } = await bench.run('check', `typed-${kind}`);
    expect(out.replace(/\S+…/, '')).toMatch(
      /^ok +manifest .*\nok +types .*\nok +pack .*\nok +options .*\nok +conformance .*\nok +tests .*\nNothing is wrong\.\n$/,
    );
    expect(code).toBe(0);
    expect(out).toContain(hasSuite(kind) ? `of the ${kind} suite` : 'of all kinds');
  });

  it('in JavaScript passes every step but that of types', async () => {
    expect((await bench.run('create', kind, `plain-${kind}`, '--javascript')).code).toBe(0);
    const { code, out } = await bench.run('check', `plain-${kind}`);
    expect(out).toMatch(
      /ok +manifest .*\nskipped +types .*\nok +pack .*\nok +options .*\nok +conformance .*\nok +tests /,
    );
    expect(code).toBe(0);
  });

  it('is JavaScript as somebody would write it', () => {
    for (const file of ['index.js', 'index.test.js']) {
      const lines = bench.read(`plain-${kind}/${file}`).split('\n');
      expect(lines.filter((line) => /\S {2}|[([] |\S [,;)]| $/.test(line))).toEqual([]);
      expect(lines.join('\n')).not.toContain('\n\n\n');
    }
  });

  it('runs the suite of its kind in its own test, where there is one', () => {
    if (!hasSuite(kind)) return;
    expect(bench.read(`typed-${kind}/index.test.ts`)).toContain(`assertConforms(await ${suiteOf(kind)}(plugin`);
  });
});
