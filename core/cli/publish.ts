/** `rutter publish`: puts a packed plugin where gateways look for it. */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { RutterError } from '@rutter/plugin-sdk';
import type { PluginEntry } from '../config/types.ts';
import { describeDiagnostic } from '../generation/report.ts';
import { Kernel, systemClock } from '../kernel.ts';
import { readShipped } from '../plugins/distribution.ts';
import { noGrants } from '../plugins/plan.ts';
import { publish } from '../sources/publish.ts';
import { kernelOptions } from './given.ts';
import { readServeOptions } from './options.ts';

const usage = `Usage: rutter publish FOLDER --to s3://bucket/prefix/ [options]

Puts a packed plugin into a source: its files first, then the index. Two who
publish at once do not lose each other's entry.

      --to ADDRESS     bucket and prefix, without a name
  -c, --config FILE    configuration whose entry for the source's plugin has its options
      --endpoint URL   server, in place of that entry's; credentials are then those of the environment
      --region NAME    region, likewise
`;

const flags = {
  to: { type: 'string' },
  config: { type: 'string', short: 'c' },
  endpoint: { type: 'string' },
  region: { type: 'string' },
} as const;

export async function publishCommand(args: readonly string[]): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(usage);
    return 0;
  }
  const { folder, to, config, options } = read(args);
  const { kernel: given } = await kernelOptions(
    readServeOptions(config === undefined ? [] : ['--config', config], process.env),
  );
  const kernel = new Kernel({ ...given, isQuiet: true });
  try {
    const known = await given.readConfiguration({ knownPrefixes: undefined, knownStrategies: undefined });
    if ('diagnostics' in known) throw invalid(known.diagnostics.map(describeDiagnostic).join('\n'));
    const shipped = given.distribution ? await readShipped(given.distribution) : [];
    const claiming = shipped.find(({ manifest }) => manifest.claims.sources?.includes(to.scheme));
    const { plugins } = known.configuration;
    const own = plugins.find(({ use }) => use === claiming?.manifest.name);
    const entry: PluginEntry = {
      ...{ use: claiming?.manifest.name ?? to.scheme, as: 'publish', for: undefined, trust: true, onFailure: 'abort' },
      ...{ grants: noGrants, reason: 'publish' },
      config: { ...own?.config, ...options },
      place: { file: 'rutter publish', line: 1, column: 1, path: '--to' },
    };
    // The command's own entry stands first: it is the one that is found.
    const configuration = { ...known.configuration, placeOf: () => entry.place, plugins: [entry, ...plugins] };
    const packages = async () => shipped;
    const source = await kernel.keeper.openSource(to, { configuration, packages, place: entry.place });
    const { name, version, isNew } = await publish(folder, { source, prefix: to.prefix, clock: systemClock });
    process.stdout.write(`${isNew ? 'published' : 'was published already'}: "${name}" ${version}\n`);
    process.stdout.write(`  use: ${to.scheme}://${to.bucket}/${to.prefix}${name}@^${version}\n`);
    return 0;
  } finally {
    await kernel.stop();
  }
}

function read(args: readonly string[]) {
  const { values, positionals } = parse(args);
  const [folder, extra] = positionals;
  if (folder === undefined || extra !== undefined) throw invalid(`Found ${positionals.length} folders, expected one.`);
  const [, scheme, bucket, path = ''] =
    /^([a-z][a-z0-9+.-]*):\/\/([a-z0-9][a-z0-9.-]*)(?:\/(.*))?$/.exec(values.to ?? '') ?? [];
  if (scheme === undefined || bucket === undefined)
    throw invalid(`Found --to ${values.to ?? 'nothing'}, expected an address such as s3://bucket/prefix/.`);
  const prefix = path === '' || path.endsWith('/') ? path : `${path}/`;
  const options = Object.fromEntries(
    Object.entries({ endpoint: values.endpoint, region: values.region }).filter(([, value]) => value !== undefined),
  );
  return { folder: resolve(folder), to: { scheme, bucket, prefix }, config: values.config, options };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: flags, allowPositionals: true });
  } catch (error) {
    throw invalid((error as Error).message);
  }
}

const invalid = (message: string) => new RutterError('ERR_CONFIG_INVALID', `${message} See rutter publish --help.`);
