/** The pages of rules name the test that holds each rule: none of them may name a test that is not there. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from '../support/index.ts';

/** The first text given to `it`, or to what `it.each` gives back. */
const titlePattern = /(?:\bit|\)|>)\(\s*(['"`])((?:\\.|(?!\1).)*)\1,/gs;

function testsIn(folder: string): readonly string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return testsIn(path);
    return entry.name.endsWith('.test.ts') ? [path] : [];
  });
}

const titles = new Set(
  ['test', 'core/pricing']
    .flatMap(testsIn)
    .flatMap((path) =>
      [...readFileSync(join(root, path), 'utf8').matchAll(titlePattern)].map(([, , title = '']) =>
        title.replaceAll(/\\(.)/g, '$1'),
      ),
    ),
);

const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** `…` stands for what a table of cases puts there. */
const isThere = (title: string): boolean =>
  titles.has(title) ||
  (title.includes('…') &&
    [...titles].some((one) => new RegExp(`^${title.split('…').map(escaped).join('.+')}$`).test(one)));

/** Of the last cell of each row, without the file that a title stands in. */
const named = (page: string): readonly string[] =>
  readFileSync(join(root, page), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('|') && !/^\|(-|Rule\|)/.test(line))
    .flatMap((line) => (line.split(/(?<!\\)\|/).at(-2) ?? '').split(' · '))
    .map((title) => title.trim().replace(/ \(`[a-z-]+`\)$/, ''));

describe('the pages of rules', () => {
  it.each([
    ['core/docs/router-rules.md', 200],
    ['core/docs/cost-rules.md', 20],
  ])('of %s name tests that are there', (page, least) => {
    expect(named(page).length).toBeGreaterThan(least);
    expect(named(page).filter((title) => !isThere(title))).toEqual([]);
  });
});
