/** Runs a plugin's own tests with Node's test runner, this SDK supplied by its name. */
import { readFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import { runChild } from './child.ts';
import { count, type Finding, failed, passed, skipped } from './findings.ts';
import { ownModule } from './sdk.ts';
import { sourcesIn } from './sources.ts';
import { mark, type TestLine } from './test-reporter.ts';

const step = 'tests';
const timeoutMs = 300_000;

export async function checkTests(folder: string): Promise<Finding> {
  const all = await sourcesIn(folder, /\.test\.[cm]?[jt]s$/);
  if (all.length === 0) return skipped(step, 'there is no file named *.test.ts or *.test.js');
  const files: string[] = [];
  for (const file of all) if ((await readFile(file, 'utf8')).includes('node:test')) files.push(file);
  const others = all.length - files.length;
  const remark = others === 0 ? '' : `; ${count(others, 'file')} of another test runner left out`;
  if (files.length === 0) return skipped(step, `no test file imports node:test${remark}`);
  const lines = await runTests(folder, files);
  if (typeof lines === 'string') return failed(step, [`${folder}: ${lines}`]);
  const problems = lines
    .filter(({ result }) => result === 'failed')
    .map(
      ({ file, line, name, reason }) => `${file ?? folder}:${line ?? 1}: ${name}: ${reason.replaceAll('\n', '\n  ')}`,
    );
  if (problems.length > 0) return failed(step, problems);
  return passed(step, `${count(lines.length, 'test')} in ${count(files.length, 'file')}${remark}`);
}

/** What the tests told, or why they told nothing. */
async function runTests(folder: string, files: readonly string[]): Promise<readonly TestLine[] | string> {
  // Set where we ourselves run under a test runner; ours must not take this run for a part of it.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const url = (name: string) => pathToFileURL(ownModule(name)).href;
  const args = ['--import', url('supply'), '--test', `--test-reporter=${url('test-reporter')}`];
  const { code, stdout, stderr } = await runChild(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', ...args, ...files],
    { cwd: folder, timeoutMs, env },
  );
  if (code === undefined) return `the tests took longer than ${timeoutMs} ms`;
  const lines = stdout
    .split('\n')
    .filter((line) => line.startsWith(mark))
    .map((line): TestLine => JSON.parse(line.slice(mark.length)));
  const isExplained = code === 0 || lines.some(({ result }) => result === 'failed');
  return isExplained ? lines : `the tests ended with code ${code}: ${(stderr || stdout).slice(0, 2_000)}`;
}
