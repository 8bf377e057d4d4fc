/** `rutter-plugin publish`: puts a packed plugin where gateways look for it, by the gateway's own program. */
import { resolve } from 'node:path';
import { readArguments } from './flags.ts';
import { findGateway, runGateway } from './gateway.ts';
import { readPlugin } from './sign.ts';
import type { Terminal } from './terminal.ts';

const usage =
  'rutter-plugin publish <packed folder> --to s3://bucket/prefix/ [--config FILE] [--endpoint URL] [--region NAME]';

export const publishHelp = `${usage}

Puts a packed plugin into a source: its files first, then the index. What is
published does not change; a version with other files is refused.

  --to ADDRESS     bucket and prefix
  --config FILE    configuration of a gateway, whose entry for the source has its options
  --endpoint URL   server, in place of that entry's; credentials are then those of the environment
  --region NAME    region, likewise
`;

const names = ['to', 'config', 'endpoint', 'region'] as const;

export async function publish(args: readonly string[], terminal: Terminal): Promise<number> {
  const options = Object.fromEntries(names.map((name) => [name, { type: 'string' as const }]));
  const { positionals, text } = readArguments(args, { options, names: ['packed folder'], usage });
  const folder = resolve(terminal.cwd, positionals[0] as string);
  await readPlugin(folder);
  const given = names.flatMap((name) => {
    const value = text(name);
    if (value === undefined) return [];
    return [`--${name}`, name === 'config' ? resolve(terminal.cwd, value) : value];
  });
  return runGateway(findGateway(), {
    args: ['publish', folder, ...given],
    env: process.env,
    line: (line) => terminal.out(`${line}\n`),
  });
}
