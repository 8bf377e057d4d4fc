/** Every conversation against every vendor: the rows of the table that `compatibility.test.ts` writes. */
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Bench, startSides } from './bench-of-sides.ts';
import { conversations } from './conversations.ts';
import { modes } from './judge.ts';
import type { Matrix } from './matrix.ts';
import { type Scenario, scenarios } from './scenarios.ts';
import { judge, limitsOf, refusal } from './side-judge.ts';
import { sides } from './sides/index.ts';
import type { Side } from './sides/side.ts';
import { fieldsOf } from './truth.ts';

export const rows: readonly Scenario[] = [...scenarios, ...conversations];

/** Runs it for every vendor at once, and says of all that fail what failed. */
export async function forEverySide(run: (side: Side) => Promise<void>): Promise<void> {
  const ends = await Promise.allSettled(sides.map(run));
  const failed = ends.flatMap((end, index) =>
    end.status === 'rejected' ? [`${sides[index]?.title}: ${described(end.reason)}`] : [],
  );
  if (failed.length > 0) throw new Error(failed.join('\n\n'));
}

/** With the places that differ, which the message of an assertion leaves out. */
function described(reason: unknown): string {
  const { message, actual, expected } = reason as { message: string; actual?: unknown; expected?: unknown };
  return expected === undefined ? message : [message, ...differences(actual, expected)].join('\n  ');
}

function differences(found: unknown, wanted: unknown, path = ''): string[] {
  if (isDeepStrictEqual(found, wanted)) return [];
  const isPlain = [found, wanted].every((value) => typeof value === 'object' && value !== null);
  if (!isPlain) return [`${path}: found ${JSON.stringify(found)}, expected ${JSON.stringify(wanted)}`];
  const [here, there] = [fieldsOf(found), fieldsOf(wanted)];
  const names = new Set([...Object.keys(here), ...Object.keys(there)]);
  return [...names].flatMap((name) => differences(here[name], there[name], `${path}.${name}`));
}

/** Registers the conversations; what is given back is there once they run. */
export function describeSides(matrix: Matrix): () => Bench {
  let bench: Bench;
  beforeAll(async () => {
    bench = await startSides();
  });
  afterAll(() => bench?.gateway.stop());

  it.each(rows)('$title: every vendor is asked the same and says the same, whole and streamed', async (scenario) => {
    await forEverySide(async (side) => {
      const cell = await cellOf(bench, side, scenario);
      matrix.note('chat', scenario.title, side.title, cell);
      const limits = limitsOf(side, scenario.title);
      const decisive = limits.filter(({ isMissing, refuses }) => isMissing || refuses !== undefined);
      for (const { why } of decisive.length > 0 ? decisive : limits)
        matrix.explain('chat', scenario.title, side.title, why);
    });
  });
  return () => bench;
}

async function cellOf(bench: Bench, side: Side, scenario: Scenario): Promise<string> {
  const limits = limitsOf(side, scenario.title);
  if (limits.some(({ isMissing }) => isMissing)) return '–';
  const refused = limits.find(({ refuses }) => refuses !== undefined)?.refuses;
  const rungs = new Set<string | null>();
  for (const mode of modes) {
    if (refused === undefined) rungs.add(await judge(bench, { side, scenario, mode }));
    else expect(await refusal(bench, { side, scenario, mode })).toMatch(refused);
  }
  if (refused !== undefined) return '400';
  // Some vendors keep to a schema in whole replies alone.
  const ways = [...rungs].filter((rung) => rung !== null);
  return ways.length > 0 ? `exact, ${ways.join('/')}` : 'exact';
}
