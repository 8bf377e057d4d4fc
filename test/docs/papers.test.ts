import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { kindNames } from '@rutter/plugin-sdk/pack';
import { describe, expect, it } from 'vitest';
import { root } from '../support/index.ts';

const skipped = new Set(['node_modules', 'dist', 'data', 'reports', 'coverage']);
const read = (path: string) => readFileSync(join(root, path), 'utf8');

function papersIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (skipped.has(entry.name) || entry.name.startsWith('.')) return [];
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return papersIn(path);
    return entry.name.endsWith('.md') ? [path] : [];
  });
}

/** As the headings of a page are addressed. */
const anchors = (text: string) =>
  [...text.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );

function brokenLinks(paper: string): string[] {
  const text = readFileSync(paper, 'utf8').replace(/^```.*?^```$/gms, '');
  const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
  return targets.filter((target) => {
    if (/^[a-z]+:/.test(target)) return false;
    const [path = '', anchor] = target.split('#');
    const file = path === '' ? paper : join(dirname(paper), path);
    if (!existsSync(file)) return true;
    return anchor !== undefined && !anchors(readFileSync(file, 'utf8')).includes(anchor);
  });
}

describe('the documents', () => {
  it('have no link that leads nowhere', () => {
    const broken = papersIn(root).flatMap((paper) =>
      brokenLinks(paper).map((target) => `${relative(root, paper)}: ${target}`),
    );
    expect(broken).toEqual([]);
  });

  it('include a README for every package', () => {
    const packages = ['plugins', 'strategies'].flatMap((parent) =>
      readdirSync(join(root, parent)).map((name) => join(parent, name)),
    );
    const shipped = packages.filter((folder) => existsSync(join(root, folder, 'package.json')));
    const without = ['.', 'core', 'plugin-sdk', ...shipped].filter(
      (folder) => !existsSync(join(root, folder, 'README.md')),
    );
    expect(without).toEqual([]);
  });

  it('list every decision under its own title', () => {
    const index = read('core/decisions/README.md');
    const decisions = readdirSync(join(root, 'core/decisions')).filter((name) => /^\d/.test(name));
    const lines = decisions.map((name) => {
      const [, number, title] = /^# (\d{4}):? (.+)$/m.exec(read(`core/decisions/${name}`)) ?? [];
      return `- [${number}](${name}) ${title}`;
    });
    expect(index.split('\n').filter((line) => line.startsWith('- '))).toEqual(lines);
  });

  it('name every kind of plugin in the order of the contract', () => {
    const kinds = [...read('plugin-sdk/README.md').matchAll(/^\| ([a-z]+) \| /gm)].map(([, kind]) => kind);
    expect(kinds).toEqual(expect.arrayContaining([...kindNames]));
    expect(kinds).toHaveLength(kindNames.length);
  });
});
