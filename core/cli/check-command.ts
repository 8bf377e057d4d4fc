/** `rutter check` with the plugins at hand: what is installed decides which prefixes and strategies are known. */
import { resolve } from 'node:path';
import { findDistribution } from '../plugins/distribution.ts';
import { check } from './check.ts';
import { checkComposition } from './check-composition.ts';

export async function checkCommand(args: readonly string[]): Promise<number> {
  const distribution = findDistribution();
  const environment = process.env;
  const dataFolder = resolve(environment.RUTTER_DATA || 'data');
  return check(args, {
    stdout: (text) => process.stdout.write(text),
    stderr: (text) => process.stderr.write(text),
    read: (files) => checkComposition({ files, environment, distribution, dataFolder }),
    defaultsFile: distribution?.defaultsFile,
  });
}
