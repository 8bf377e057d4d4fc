/** What a running gateway refuses, a starting one ends at. `RUTTER_TEST_SLOW=1` starts with every case, else with every eighth. */
import { expect, it } from 'vitest';
import { startRefused } from '../support/index.ts';
import { brokenFiles } from './broken-files.ts';
import { brokenPlugins } from './broken-plugins.ts';
import { placeOf } from './refusals.ts';

const isSlowRun = process.env.RUTTER_TEST_SLOW === '1';
const startable = [...brokenFiles, ...brokenPlugins].filter(({ config }) => config !== undefined);
const cases = startable.filter((_broken, index) => isSlowRun || index % 8 === 0);

it.concurrent.each(cases)('a start with $title ends with 1 and the reason', async (broken) => {
  const end = await startRefused({ config: '', files: { ...broken.files, 'config.yaml': broken.config ?? '' } });
  expect(end).toMatchObject({ code: 1, signal: null });
  const { file, line } = placeOf(broken);
  const reasons = end.output.split('\n').filter((text) => text.startsWith('  '));
  expect(end.output).toContain('The gateway does not start:\n');
  expect(reasons.join('\n')).toMatch(new RegExp(`/${file}:${line}:`));
  expect(end.output).toContain(broken.reason);
  expect(end.output).not.toContain('is listening');
});
