/** Names of model groups that settings refer to but that no entry has: most often a slip. */
import { guessesIn, nearestName, suggestion } from './nearest.ts';
import type { Report } from './report.ts';
import { describeName } from './secrets.ts';
import { type Block, type Entry, entryOf, type Path, type Spot, type Tree } from './tree.ts';
import type { DeploymentSettings } from './types.ts';

interface Use {
  readonly name: string;
  readonly path: Path;
  readonly spot: Spot;
}

/** Warns of each name that nothing answers to. Says nothing where no model is configured at all. */
export function checkModelNames(root: Block, deployments: readonly DeploymentSettings[], report: Report): void {
  if (deployments.length === 0) return;
  const router = entryOf(root, 'router_settings')?.value;
  const aliases = entryOf(router, 'model_group_alias')?.value;
  const lists = blockOf(entryOf(router, 'model_group_lists')?.value);
  refuseTaken(lists, new Set(deployments.map(({ modelName }) => modelName)), report);
  const exact = new Set([
    ...deployments.flatMap(({ id, modelName }) => [id, modelName]),
    ...blockOf(aliases).map(([alias]) => alias),
    ...lists.map(([name]) => name),
    'auto',
  ]);
  const prefixes = deployments
    .filter(({ modelName }) => modelName.includes('*'))
    .map(({ modelName }) => wildcard(modelName));
  const underlying = new Set(deployments.map(({ provider, model }) => `${provider}/${model}`));
  const isKnown = (name: string) =>
    name === '*' || exact.has(name) || underlying.has(name) || prefixes.some((pattern) => pattern.test(name));
  for (const { name, path, spot } of [...routerUses(root), ...pluginUses(root)]) {
    if (isKnown(name)) continue;
    report.add({
      severity: 'warning',
      path,
      spot,
      message: `No model is named "${describeName(name)}".${suggestion(nearestName(name, exact, guessesIn(name)))}`,
      found: describeName(name),
      expected: 'a model_name, an alias or a deployment id',
    });
  }
}

/** A name can stand for one group or for several, not for both. */
function refuseTaken(lists: readonly (readonly [string, Entry])[], groups: ReadonlySet<string>, report: Report): void {
  for (const [name, { spot }] of lists)
    if (groups.has(name))
      report.add({
        severity: 'error',
        path: ['router_settings', 'model_group_lists', name],
        spot,
        message: `A list of model groups has the name of one of them.`,
        found: describeName(name),
        expected: 'a name that no model_name is',
      });
}

function wildcard(modelName: string): RegExp {
  return new RegExp(`^${modelName.split('*').map(escaped).join('.+')}$`, 's');
}

const escaped = (text: string): string => text.replace(/[.+?^${}()|[\]\\]/g, '\\$&');

function routerUses(root: Block): readonly Use[] {
  const router = entryOf(root, 'router_settings')?.value;
  const lists = ['fallbacks', 'context_window_fallbacks', 'content_policy_fallbacks'].flatMap((key) => {
    const [tree, path] = shared(root, key);
    // A list of blocks, or one block of the same.
    return tree?.kind === 'list'
      ? tree.items.flatMap((item, index) => groupUses(item, [...path, index]))
      : groupUses(tree, path);
  });
  const aliases = blockOf(entryOf(router, 'model_group_alias')?.value).map(([alias, { value }]) =>
    targetUse(value, ['router_settings', 'model_group_alias', alias]),
  );
  const policies = blockOf(entryOf(router, 'model_group_retry_policy')?.value).map(([group, { spot }]) => {
    return { name: group, path: ['router_settings', 'model_group_retry_policy', group], spot };
  });
  const members = blockOf(entryOf(router, 'model_group_lists')?.value).flatMap(([name, { value }]) =>
    targetUses(value, ['router_settings', 'model_group_lists', name]).filter((use) => !use?.name.endsWith('*')),
  );
  return [...lists, ...targetUses(...shared(root, 'default_fallbacks')), ...aliases, ...policies, ...members].filter(
    (use) => use !== undefined,
  );
}

/** A setting that two blocks may hold; the router block wins. */
function shared(root: Block, key: string): readonly [Tree | undefined, Path] {
  const home =
    entryOf(entryOf(root, 'router_settings')?.value, key) === undefined ? 'litellm_settings' : 'router_settings';
  return [entryOf(entryOf(root, home)?.value, key)?.value, [home, key]];
}

const blockOf = (tree: Tree | undefined): readonly (readonly [string, Entry])[] =>
  tree?.kind === 'block' ? [...tree.entries] : [];

function groupUses(tree: Tree | undefined, path: Path): readonly (Use | undefined)[] {
  return blockOf(tree).flatMap(([group, { spot, value }]) => {
    const at = [...path, group];
    return [{ name: group, path: at, spot }, ...targetUses(value, at)];
  });
}

function targetUses(tree: Tree | undefined, path: Path): readonly (Use | undefined)[] {
  return tree?.kind === 'list' ? tree.items.map((item, index) => targetUse(item, [...path, index])) : [];
}

function targetUse(tree: Tree, path: Path): Use | undefined {
  if (tree.kind === 'block') {
    const model = entryOf(tree, 'model')?.value;
    return model === undefined ? undefined : targetUse(model, [...path, 'model']);
  }
  return tree.kind === 'leaf' && typeof tree.value === 'string'
    ? { name: tree.value, path, spot: tree.spot }
    : undefined;
}

function pluginUses(root: Block): readonly Use[] {
  const list = entryOf(root, 'plugins')?.value;
  const entries = list?.kind === 'list' ? list.items : [];
  return entries
    .flatMap((entry, index) => targetUses(entryOf(entry, 'for')?.value, ['plugins', index, 'for']))
    .filter((use) => use !== undefined);
}
