/**
 * What a deployment takes over where it does not say it itself: the values of
 * a credential it names, then the parameters of every deployment.
 */
import { guessesIn, nearestName, suggestion } from './nearest.ts';
import type { Report } from './report.ts';
import { describeName } from './secrets.ts';
import { type Block, entryOf, isUnset, type List, type Path, type Tree, withEntry } from './tree.ts';

export interface Inheritance {
  readonly credentials: ReadonlyMap<string, Block>;
  readonly defaults: Block | undefined;
}

/** Values by the credentials' names; entries that cannot be used are reported as errors. */
export function readCredentials(list: List | undefined, report: Report): ReadonlyMap<string, Block> {
  const credentials = new Map<string, Block>();
  for (const [index, item] of (list?.items ?? []).entries()) {
    const path = ['credential_list', index];
    const named = entryOf(item, 'credential_name')?.value;
    const name = named?.kind === 'leaf' && typeof named.value === 'string' ? named.value.trim() : '';
    const values = entryOf(item, 'credential_values')?.value;
    if (name === '') {
      report.refuse('error', path, { tree: item, message: 'A credential has no name.', expected: '"credential_name"' });
    } else if (credentials.has(name)) {
      report.refuse('error', [...path, 'credential_name'], {
        tree: named ?? item,
        message: 'Another credential has this name.',
        expected: 'each name once',
      });
    } else if (values?.kind === 'block') credentials.set(name, values);
    else {
      report.refuse('error', path, {
        tree: values ?? item,
        message: 'A credential holds no values.',
        expected: '"credential_values" with keys such as "api_key"',
      });
    }
  }
  return credentials;
}

/**
 * The entry of `model_list` with what it inherits; undefined, with a warning, for one that names an unknown
 * credential: the call would go out with another key than the one that was meant.
 */
export function withInherited(
  entry: Block,
  { credentials, defaults }: Inheritance,
  { path, report, consequence }: { path: Path; report: Report; consequence: string },
): Block | undefined {
  const held = entryOf(entry, 'litellm_params');
  if (held?.value.kind !== 'block') return entry;
  const named = entryOf(held.value, 'litellm_credential_name')?.value;
  const name = nameIn(named);
  const credential = name === undefined ? undefined : credentials.get(name);
  if (name !== undefined && named !== undefined && credential === undefined) {
    const nearest = nearestName(name, credentials.keys(), guessesIn(name));
    report.refuse('warning', [...path, 'litellm_params', 'litellm_credential_name'], {
      tree: named,
      message: `No credential is named "${describeName(name)}".${suggestion(nearest)}${consequence}`,
      expected: 'the name of an entry of credential_list',
    });
    return undefined;
  }
  const value = under(under(held.value, credential), defaults);
  return value === held.value ? entry : withEntry(entry, 'litellm_params', { spot: held.spot, value });
}

function nameIn(tree: Tree | undefined): string | undefined {
  return tree?.kind === 'leaf' && typeof tree.value === 'string' && tree.value !== '' ? tree.value : undefined;
}

/** A key that stands without a value counts as absent. Of `metadata`, both are kept. */
function under(own: Block, base: Block | undefined): Block {
  if (base === undefined) return own;
  const entries = new Map(base.entries);
  for (const [key, entry] of own.entries) {
    const below = entries.get(key);
    if (isUnset(entry.value) && below !== undefined) continue;
    const isMerged = key === 'metadata' && below?.value.kind === 'block' && entry.value.kind === 'block';
    entries.set(key, isMerged ? { spot: entry.spot, value: under(entry.value as Block, below.value as Block) } : entry);
  }
  return { ...own, entries };
}
