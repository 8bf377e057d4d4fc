/** Holds the table of rules and the tests of routing together. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { root } from '../support/index.ts';

const table = readFileSync(join(root, 'core/docs/router-rules.md'), 'utf8');
const files = readdirSync(import.meta.dirname).filter((name) => /^(router|strategy)-.*\.test\.ts$/.test(name));

const titles = files
  .filter((name) => name !== 'router-rules.test.ts')
  .map((name) => readFileSync(join(import.meta.dirname, name), 'utf8'))
  .flatMap((text) => [
    ...text.matchAll(/(?:^ *it|^ *it\.each[^']*?\[.*?\]\)|\] as const\))\(\s*(["'])(.*?)\1,\s*(?:async|\()/gms),
  ])
  .map(([, , title = '']) => title.replace(/%\w/g, '…'));

const named = table
  .split('\n')
  .filter((line) => line.startsWith('|') && !line.startsWith('|-') && !line.startsWith('|Rule|'))
  .flatMap((line) => line.split('|').at(-2)?.split(' · ') ?? [])
  .map((title) => title.replace(/ \(`\w+`\)$/, ''));

it('names every test of routing in the table of rules', () => {
  expect(titles.length).toBeGreaterThan(150);
  expect(titles.filter((title) => !named.includes(title))).toEqual([]);
});

it('has a test of the name that each rule names', () => {
  expect(named.filter((title) => !titles.includes(title))).toEqual([]);
});
