/**
 * Reads `model_list`. A bad entry is skipped and told of in warnings, so that
 * one mistake does not take the other models away.
 */
import { createHash } from 'node:crypto';
import type { BlockReader, ReadBlock } from './block-reader.ts';
import { parameterParts } from './deployment-parts.ts';
import { type Inheritance, withInherited } from './inherited-parameters.ts';
import { guessesIn, nearestName, suggestion } from './nearest.ts';
import { pricesOf } from './prices.ts';
import { everyProvider, type NamedModel, type Prefixes, providerOf } from './provider-name.ts';
import type { Report } from './report.ts';
import { describe, describeName } from './secrets.ts';
import { entryOf, formatPath, isUnset, type List, type Path, type Spot, type Tree, toPlain } from './tree.ts';
import type { DeploymentSettings } from './types.ts';

const consequence = ' The deployment is skipped.';
const idLength = 20;

export interface DeploymentOptions {
  readonly prefixes: Prefixes;
  /** Parameters of every deployment, under its own. */
  readonly everywhere: Readonly<Record<string, unknown>>;
  readonly inheritance: Inheritance;
  /** Value of LITELLM_ENVIRONMENT. */
  readonly stage: string | undefined;
  readonly reader: BlockReader;
  readonly report: Report;
}

/** One of the deployments an entry stands for: several organisations, or every provider. */
interface Variant extends NamedModel {
  readonly modelName: string;
  readonly organization: string | undefined;
}

interface EntryBlocks {
  readonly path: Path;
  readonly spot: Spot;
  readonly modelName: string;
  readonly parameters: ReadBlock;
  readonly info: ReadBlock | undefined;
  readonly accessGroups: readonly string[];
}

export function readDeployments(list: List, options: DeploymentOptions): readonly DeploymentSettings[] {
  const deployments = new Map<string, DeploymentSettings>();
  for (const [index, tree] of list.items.entries()) {
    for (const deployment of readEntry(tree, ['model_list', index], options)) {
      const free = freeId(deployment, deployments, options.report);
      if (free !== undefined) deployments.set(free.id, free);
    }
  }
  return [...deployments.values()];
}

function readEntry(tree: Tree, path: Path, options: DeploymentOptions): readonly DeploymentSettings[] {
  const { reader, report } = options;
  if (tree.kind !== 'block') {
    report.refuse('warning', path, {
      tree,
      message: `An entry of "model_list" is not a block.${consequence}`,
      expected: 'a block with "model_name" and "litellm_params"',
    });
    return [];
  }
  const whole = withInherited(tree, options.inheritance, { path, report, consequence });
  if (whole === undefined) return [];
  const read = reader.read('deployment', whole, { path, severity: 'warning', consequence });
  const parameters = read.values.get('litellm_params') as ReadBlock | undefined;
  const modelName = read.values.get('model_name');
  const isMissing = (key: string) => entryOf(tree, key) === undefined;
  for (const key of ['model_name', 'litellm_params'].filter(isMissing)) {
    report.add({
      severity: 'warning',
      path,
      spot: tree.spot,
      message: `The entry has no "${key}".${consequence}`,
      found: 'nothing',
      expected: `the key "${key}"`,
    });
  }
  if (parameters === undefined || read.isFaulty || typeof modelName !== 'string') return [];
  const blocks = {
    path,
    spot: tree.spot,
    modelName,
    parameters,
    info: read.values.get('model_info') as ReadBlock | undefined,
    accessGroups: (read.values.get('access_groups') as string[] | undefined) ?? [],
  };
  return isUsable(blocks, report) && isOfStage(blocks, options)
    ? variantsOf(blocks, options).map((variant, _, all) => withParams(build(blocks, variant, all.length > 1), options))
    : [];
}

/** What types alone do not say of an entry. */
function isUsable({ parameters: { tree, path, values } }: EntryBlocks, report: Report): boolean {
  if (!values.has('model')) {
    skip(report, { path, spot: tree.spot }, ['The entry names no model.', 'nothing', '"model: provider/name"']);
    return false;
  }
  for (const key of ['api_base', 'base_url']) {
    const entry = entryOf(tree, key);
    if (
      entry === undefined ||
      (isUnset(entry.value) && !(entry.value.kind === 'leaf' && entry.value.reference !== undefined))
    )
      continue;
    const at = { path: [...path, key], spot: entry.value.spot };
    const found = describe(entry.value, at.path);
    // Without it the calls would go to another place than the one that was meant.
    if (isUnset(entry.value)) return skip(report, at, ['The address has no value.', found, 'an address']);
    const address = URL.parse(String(values.get(key)));
    if (address === null || !/^https?:$/.test(address.protocol))
      return skip(report, at, [
        'The address is not one of HTTP.',
        found,
        'an address such as https://api.example.com/v1',
      ]);
    if (address.username !== '' || address.password !== '')
      return skip(report, at, [
        'The address holds a user name or password.',
        '[secret]',
        'an address without one; the key belongs into "api_key"',
      ]);
  }
  return true;
}

/** As in LiteLLM: a deployment that names environments is left out where none, or another one, is set. */
function isOfStage({ info, path }: EntryBlocks, { stage, report }: DeploymentOptions): boolean {
  const stages = info?.values.get('supported_environments') as readonly string[] | undefined;
  if (info === undefined || stages === undefined || (stage !== undefined && stages.includes(stage))) return true;
  if (stage !== undefined) return false;
  return skip(report, { path: [...path, 'model_info', 'supported_environments'], spot: info.tree.spot }, [
    'The deployment is for some environments only, and LITELLM_ENVIRONMENT is not set.',
    'no LITELLM_ENVIRONMENT',
    `LITELLM_ENVIRONMENT to be one of ${stages.join(', ')}`,
  ]);
}

function skip(
  report: Report,
  { path, spot }: { path: Path; spot: Spot },
  [message, found, expected]: readonly [string, string, string],
): false {
  report.add({ severity: 'warning', path, spot, message: message + consequence, found, expected });
  return false;
}

function variantsOf(blocks: EntryBlocks, { prefixes, report }: DeploymentOptions): readonly Variant[] {
  const { values, tree, path } = blocks.parameters;
  const model = String(values.get('model'));
  const custom = values.get('custom_llm_provider') as string | undefined;
  const organizations = (values.get('organization') as readonly string[] | undefined) ?? [];
  const named = namedModels(blocks, { model, custom, prefixes });
  if (named.length === 0 && (model !== '*' || prefixes.known !== undefined)) {
    const key = custom === undefined ? 'model' : 'custom_llm_provider';
    const spot = entryOf(tree, key)?.value.spot ?? tree.spot;
    const at = { path: [...path, key], spot };
    const said = custom ?? (model.includes('/') ? model.slice(0, model.indexOf('/')) : model);
    const nearest = nearestName(said, prefixes.known ?? [], guessesIn(said));
    const message =
      model === '*'
        ? 'The model is "*", but the name that callers use holds none.'
        : `No installed provider answers to "${describeName(said)}".${suggestion(nearest)}`;
    skip(report, at, [
      message,
      describe(entryOf(tree, key)?.value, at.path),
      `a model such as ${nearest ?? prefixes.known?.[0] ?? 'provider'}/name`,
    ]);
  }
  const each: readonly (string | undefined)[] = organizations.length === 0 ? [undefined] : organizations;
  return named.flatMap((model) => each.map((organization) => ({ ...model, organization })));
}

function namedModels(
  { modelName }: EntryBlocks,
  { model, custom, prefixes }: { model: string; custom: string | undefined; prefixes: Prefixes },
): readonly (NamedModel & { readonly modelName: string })[] {
  if (model === '*' && custom === undefined) return modelName.includes('*') ? everyProvider(modelName, prefixes) : [];
  const named = providerOf(model, custom, prefixes);
  return named === undefined || named.model === '' ? [] : [{ ...named, modelName }];
}

function build(blocks: EntryBlocks, variant: Variant, isOneOfMany: boolean): DeploymentSettings {
  const { parameters, info, path, spot, accessGroups } = blocks;
  const value = <T>(...names: string[]): T | undefined =>
    names.map((name) => parameters.values.get(name)).find((found) => found !== undefined) as T | undefined;
  const own = info?.values.get('id') as string | undefined;
  const hash = hashOf(variant, parameters);
  return {
    id: own === undefined ? hash : isOneOfMany ? `${own}-${hash.slice(0, 8)}` : own,
    modelName: variant.modelName,
    provider: variant.provider,
    model: variant.model,
    apiBase: value<string>('api_base', 'base_url')?.replace(/\/+$/, ''),
    apiVersion: value('api_version'),
    organization: variant.organization,
    weight: value('weight'),
    order: value('order'),
    rpm: value('rpm'),
    tpm: value('tpm'),
    maxParallelRequests: value('max_parallel_requests'),
    tags: value('tags') ?? [],
    tagRegex: value('tag_regex') ?? [],
    timeoutMs: value('timeout', 'request_timeout'),
    streamTimeoutMs: value('stream_timeout'),
    numRetries: value('num_retries', 'max_retries'),
    cooldownMs: value('cooldown_time'),
    extraHeaders: { ...value('headers'), ...value('extra_headers') },
    extraBody: value('extra_body') ?? {},
    accessGroups: [...new Set([...accessGroups, ...((info?.values.get('access_groups') as string[]) ?? [])])],
    healthCheck: {
      model: info?.values.get('health_check_model') as string | undefined,
      timeoutMs: (info?.values.get('health_check_timeout') as number | undefined) ?? 60_000,
    },
    silentModel: value('silent_model'),
    verifies: value('ssl_verify'),
    clientParameters: value('configurable_clientside_auth_params') ?? new Map(),
    prices: pricesOf(parameters.values, info?.values),
    ...parameterParts(parameters, info, variant.provider),
    place: { file: spot.file, line: spot.line, column: spot.column, path: formatPath(path) },
  };
}

const withParams = (deployment: DeploymentSettings, { everywhere }: DeploymentOptions): DeploymentSettings => ({
  ...deployment,
  params: { ...everywhere, ...deployment.params },
});

/** Stable while the parameters stay the same, whatever their order; secrets take part and cannot be read out of it. */
function hashOf(variant: Variant, { tree }: ReadBlock): string {
  const text = JSON.stringify(sorted({ ...variant, parameters: toPlain(tree) }));
  return createHash('sha256').update(text).digest('hex').slice(0, idLength);
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  );
}

/** Two entries alike get ids of their own; one that claims another's id is skipped. */
function freeId(
  deployment: DeploymentSettings,
  taken: ReadonlyMap<string, DeploymentSettings>,
  report: Report,
): DeploymentSettings | undefined {
  const other = taken.get(deployment.id);
  if (other === undefined) return deployment;
  const { place, info } = deployment;
  const isClaimed = info.id === deployment.id;
  report.add({
    severity: 'warning',
    path: ['model_list', Number(/\d+/.exec(place.path)?.[0] ?? 0)],
    spot: place,
    message: isClaimed
      ? `The id is that of the deployment on line ${other.place.line}.${consequence}`
      : `The deployment is the same as the one on line ${other.place.line}.`,
    found: isClaimed ? describeName(deployment.id) : 'the same parameters',
    expected: isClaimed ? 'an id of its own' : 'each deployment once',
  });
  if (isClaimed) return undefined;
  const count = [...taken.keys()].filter((id) => id === deployment.id || id.startsWith(`${deployment.id}-`)).length;
  return { ...deployment, id: `${deployment.id}-${count + 1}` };
}
