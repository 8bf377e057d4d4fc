/**
 * Reads a configuration: files, includes and layers, references resolved,
 * every problem found with its place.
 *
 * All problems are told at once. Errors keep it from being built; a bad
 * deployment, an unknown key and a missing variable are only warnings.
 */
import { createHash } from 'node:crypto';
import { RutterError } from '@rutter/plugin-sdk';
import { BlockReader, type ReadBlock } from './block-reader.ts';
import { readDeployments } from './deployments.ts';
import { References } from './environment.ts';
import { readCredentials } from './inherited-parameters.ts';
import { kernelSettings } from './kernel-settings.ts';
import { type Layers, type RemoteText, readLayers, readTextFile } from './layers.ts';
import { checkModelNames } from './model-names.ts';
import { readCanary, readPlugins } from './plugin-entries.ts';
import { readTrust } from './plugin-trust.ts';
import { costSettings } from './prices.ts';
import { prefixesOf } from './provider-name.ts';
import { Report } from './report.ts';
import { routerSettings } from './router-settings.ts';
import { type Block, entryOf, isUnset, type List, placeIn, toPlainBlock, withEntry } from './tree.ts';
import type { Configuration, Diagnostic, Place, RouterSettings } from './types.ts';

export interface ReadOptions {
  /** Later ones over earlier ones. */
  readonly files: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  /** Prefixes that installed providers claim. Undefined leaves them unchecked, for a first look at `plugins:`. */
  readonly knownPrefixes: readonly string[] | undefined;
  /** Strategies that are installed. Undefined leaves them unchecked. */
  readonly knownStrategies: readonly string[] | undefined;
  /** Below all files. */
  readonly defaultsFile?: string | undefined;
  /** Reads a file as UTF-8; rejects with a `code` such as ENOENT. */
  readonly readText?: ((path: string) => Promise<string>) | undefined;
  /** Reads files that are named by addresses; refused when absent. */
  readonly remote?: RemoteTexts | undefined;
}

/** Files in sources, such as `s3://bucket/models.yaml`. */
export interface RemoteTexts {
  /** `local` is what the files of this machine say by themselves: sources take their options from there. */
  read(address: string, place: Place, local: Configuration): Promise<RemoteText>;
}

export type ReadResult =
  | { readonly configuration: Configuration }
  /** Refused; `files` took part all the same, and may be what is to be mended. */
  | { readonly diagnostics: readonly Diagnostic[]; readonly files: readonly string[] };

export async function readConfiguration(options: ReadOptions): Promise<ReadResult> {
  const { report, layers } = await readFiles(options);
  if (layers.root === undefined || report.hasErrors)
    return { diagnostics: report.sorted(layers.files), files: layers.files };
  const configuration = configurationOf(layers, options, report);
  if (report.hasErrors) return { diagnostics: configuration.warnings, files: layers.files };
  return { configuration };
}

/** Files of this machine first: they say how those in sources are reached. */
async function readFiles(options: ReadOptions): Promise<{ readonly report: Report; readonly layers: Layers }> {
  const { files, defaultsFile, environment, readText = readTextFile, remote } = options;
  const report = new Report();
  if (files.length === 0 && defaultsFile === undefined) {
    const spot = { file: '', line: 1, column: 1 };
    report.add({
      severity: 'error',
      path: [],
      spot,
      message: 'No configuration file is named.',
      found: 'no file',
      expected: 'at least one file',
    });
  }
  const reading = { files, defaultsFile, environment, readText };
  const local = await readLayers({ ...reading, readAddress: undefined, report });
  if (!local.hasAddresses || report.hasErrors) return { report, layers: local };
  const unchecked = { ...options, knownPrefixes: undefined, knownStrategies: undefined };
  const root: Block = local.root ?? { kind: 'block', spot: { file: '', line: 1, column: 1 }, entries: new Map() };
  const configuration = configurationOf({ ...local, root }, unchecked, new Report());
  const readAddress = (address: string, place: Place) => {
    if (remote !== undefined) return remote.read(address, place, configuration);
    throw new RutterError('ERR_CONFIG_INVALID', 'Files in sources cannot be read here.');
  };
  // Read anew, so that each file stands where it is named.
  const whole = new Report();
  return { report: whole, layers: await readLayers({ ...reading, readAddress, report: whole }) };
}

/** What was read as a configuration, as far as it goes; the report says what is wrong with it. */
function configurationOf(layers: Layers, options: ReadOptions, report: Report): Configuration {
  const references = new References(options.environment, report);
  const root = withMasterKey(references.resolveRoot(layers.root as Block), references);
  const built = build(root, options, { report, references });
  const digest = createHash('sha256').update(`${layers.digest}\n${references.digest()}`).digest('hex');
  return freeze({
    ...built,
    files: layers.files,
    digest,
    settings: toPlainBlock(root),
    placeOf: (path: string) => placeIn(root, path),
    warnings: report.sorted(layers.files),
  });
}

/** How requests are translated, for deployments that do not say it themselves. */
function translationSettings(litellm: ReadBlock | undefined): Readonly<Record<string, unknown>> {
  const names = ['drop_params', 'modify_params', 'additional_drop_params', 'enable_json_schema_validation'];
  const said = names.map((name) => [name, litellm?.values.get(name)] as const);
  return Object.fromEntries(said.filter(([, value]) => value !== undefined));
}

type Built = Omit<Configuration, 'files' | 'digest' | 'settings' | 'placeOf' | 'warnings'>;

interface Surroundings {
  readonly report: Report;
  readonly references: References;
}

function build(
  root: Block,
  { knownPrefixes, knownStrategies }: ReadOptions,
  { report, references }: Surroundings,
): Built {
  const reader = new BlockReader(report);
  const { values } = reader.read('root', root, { path: [], severity: 'error' });
  const general = values.get('general_settings') as ReadBlock | undefined;
  const plugins = values.has('plugins')
    ? readPlugins(values.get('plugins') as List, reader, { report, path: ['plugins'] })
    : [];
  const litellm = values.get('litellm_settings') as ReadBlock | undefined;
  const credentials = readCredentials(values.get('credential_list') as List | undefined, report);
  const deployments = values.has('model_list')
    ? readDeployments(values.get('model_list') as List, {
        prefixes: prefixesOf(knownPrefixes),
        everywhere: translationSettings(litellm),
        inheritance: {
          credentials,
          defaults: defaultParameters(root),
        },
        stage: references.variable('LITELLM_ENVIRONMENT'),
        reader,
        report,
      })
    : [];
  const names = { known: knownStrategies, plugins, report };
  const router = withGeneral(
    routerSettings(values.get('router_settings') as ReadBlock | undefined, litellm, names),
    general,
  );
  checkModelNames(root, deployments, report);
  refuseLostAuthentication(general, report);
  return {
    plugins,
    canary: readCanary(values.get('canary') as ReadBlock | undefined, reader, report),
    trust: readTrust(values.get('plugin_trust') as ReadBlock | undefined, reader, report),
    derive: (values.get('derive') as boolean | undefined) ?? true,
    deployments,
    router,
    kernel: kernelSettings(general, litellm, references),
    costs: costSettings(litellm),
    variables: references.own,
  };
}

function defaultParameters(root: Block): Block | undefined {
  const tree = entryOf(entryOf(root, 'router_settings')?.value, 'default_litellm_params')?.value;
  return tree?.kind === 'block' ? tree : undefined;
}

/** What `general_settings` says of routing. */
function withGeneral(router: RouterSettings, general: ReadBlock | undefined): RouterSettings {
  const most = general?.values.get('max_parallel_requests') as number | undefined;
  const checks = general?.values.get('enable_health_check_routing') === true;
  return {
    ...router,
    defaultMaxParallelRequests: router.defaultMaxParallelRequests ?? (most === 0 ? undefined : most),
    enableHealthCheckRouting: router.enableHealthCheckRouting || checks,
  };
}

/** LiteLLM takes the master key from the environment when the file has none; to leave it out would open the gateway. */
function withMasterKey(root: Block, references: References): Block {
  const general = entryOf(root, 'general_settings');
  if (entryOf(general?.value, 'master_key') !== undefined) return root;
  const entry = references.masterKey(root.spot.file);
  const block = general?.value;
  if (entry === undefined || (block !== undefined && block.kind !== 'block' && !isUnset(block))) return root;
  const base: Block = block?.kind === 'block' ? block : { kind: 'block', spot: entry.spot, entries: new Map() };
  return withEntry(root, 'general_settings', {
    spot: general?.spot ?? entry.spot,
    value: withEntry(base, 'master_key', entry),
  });
}

const authentications = ['enable_jwt_auth', 'enable_oauth2_auth', 'enable_oauth2_proxy_auth'];

/** A gateway that relied on one of these alone must not start open because it is not honoured yet. */
function refuseLostAuthentication(general: ReadBlock | undefined, report: Report): void {
  if (general === undefined || entryOf(general.tree, 'master_key') !== undefined) return;
  for (const key of authentications) {
    const value = general.values.get(key);
    const entry = entryOf(general.tree, key);
    if (entry === undefined || value === undefined || value === false) continue;
    report.add({
      severity: 'error',
      path: [...general.path, key],
      spot: entry.spot,
      message: `"${key}" is not honoured yet, and without a master key the gateway would be open to everybody.`,
      found: 'no other way to sign in',
      expected: '"master_key" beside it',
    });
  }
}

/** Plain objects and lists all the way down; maps, secrets and functions are left as they are. */
function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  if (!Array.isArray(value) && Object.getPrototypeOf(value) !== Object.prototype) return value;
  for (const inner of Object.values(value)) freeze(inner);
  return Object.freeze(value);
}
