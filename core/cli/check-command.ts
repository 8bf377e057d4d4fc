/** `rutter check` with the plugins at hand: what is installed decides which prefixes and strategies are known. */
import { findDistribution, readShipped } from '../plugins/distribution.ts';
import { check } from './check.ts';

export async function checkCommand(args: readonly string[]): Promise<number> {
  const distribution = findDistribution();
  const shipped = distribution ? await readShipped(distribution) : [];
  return check(args, {
    stdout: (text) => process.stdout.write(text),
    stderr: (text) => process.stderr.write(text),
    environment: process.env,
    knownPrefixes: shipped.flatMap(({ manifest }) => manifest.claims.modelPrefixes ?? []),
    knownStrategies: shipped.flatMap(({ manifest }) => manifest.claims.routingStrategies ?? []),
    defaultsFile: distribution?.defaultsFile,
  });
}
