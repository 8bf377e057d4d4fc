/** Reads `plugins:`, in order; a later file overrides an entry of the same instance name where it stands. */
import { basename, dirname, isAbsolute, resolve } from 'node:path';
import type { BlockReader, ReadBlock } from './block-reader.ts';
import type { Report } from './report.ts';
import { describeValue } from './secrets.ts';
import { formatPath, type List, type Path, type Tree } from './tree.ts';
import type { CanarySettings, Grants, PluginEntry } from './types.ts';

const forms = ['use', 'path', 'strategy', 'source'] as const;
const instanceName = /^[A-Za-z0-9][\w.-]{0,127}$/;

interface At {
  readonly tree: Tree;
  readonly path: Path;
}

/** What `canary` says; undefined where it is absent, or wrong, which is then told. */
export function readCanary(
  block: ReadBlock | undefined,
  reader: BlockReader,
  report: Report,
): CanarySettings | undefined {
  if (block === undefined || block.isFaulty) return undefined;
  const { values, path, tree } = block;
  const [share, list] = [values.get('share') as number | undefined, values.get('plugins') as List | undefined];
  if (share !== undefined && list !== undefined && list.items.length > 0)
    return { share, plugins: readPlugins(list, reader, { report, path: [...path, 'plugins'] }) };
  report.refuse('error', path, {
    tree,
    message: 'The canary is not whole.',
    expected: 'a "share" from 0 to 1, and under "plugins" what is to be another there',
  });
  return undefined;
}

interface Listed {
  readonly report: Report;
  /** Of the list. */
  readonly path: Path;
}

export function readPlugins(list: List, reader: BlockReader, { report, path }: Listed): readonly PluginEntry[] {
  const entries = new Map<string, PluginEntry>();
  for (const [index, tree] of list.items.entries()) {
    const entry = readEntry({ tree, path: [...path, index] }, reader, report);
    if (entry === undefined) continue;
    const earlier = entries.get(entry.as);
    if (earlier?.place.file === entry.place.file) {
      report.add({
        severity: 'error',
        path: [...path, index],
        spot: tree.spot,
        message: `Two entries are named "${entry.as}"; the first is on line ${earlier.place.line}.`,
        found: entry.as,
        expected: 'a name of its own under "as"',
      });
    }
    entries.set(entry.as, entry);
  }
  return [...entries.values()];
}

function readEntry(at: At, reader: BlockReader, report: Report): PluginEntry | undefined {
  const { tree, path } = at;
  const refuse = (message: string, expected: string) => {
    report.refuse('error', path, { tree, message, expected });
    return undefined;
  };
  if (tree.kind === 'list')
    return refuse('An entry of "plugins" is a list.', 'a name, a folder, or a block with "use"');
  if (tree.kind === 'leaf') {
    const isName = typeof tree.value === 'string' && tree.value.trim() !== '';
    return isName
      ? entryOf(at, String(tree.value), undefined, report)
      : refuse('An entry of "plugins" names no plugin.', 'a name, a folder, or a block with "use"');
  }
  const read = reader.read('plugin', tree, { path, severity: 'error' });
  const named = forms.filter((form) => read.values.has(form));
  if (read.isFaulty) return undefined;
  if (named.length !== 1) {
    const problem = named.length === 0 ? 'names no plugin' : `names more than one plugin: ${named.join(', ')}`;
    return refuse(`An entry of "plugins" ${problem}.`, `exactly one of ${forms.join(', ')}`);
  }
  const form = named[0] ?? 'use';
  const said = String(read.values.get(form));
  // A path says "folder" by its key, whatever it begins with.
  return entryOf(at, form === 'path' && !isFolder(said) ? `./${said}` : said, read, report);
}

function entryOf(
  { tree, path }: At,
  said: string,
  read: ReadBlock | undefined,
  report: Report,
): PluginEntry | undefined {
  const { file, line } = tree.spot;
  const isFile = isFolder(said);
  const isLost = isFile && isAddress(file) && !isAbsolute(said);
  const use = isFile && !isLost ? resolve(dirname(file), said) : said;
  const as = String(read?.values.get('as') ?? nameOf(use));
  const groups = read?.values.get('for') as readonly string[] | undefined;
  const refuse = (key: string, message: string, found: string, expected: string) => {
    const spot = read?.tree.entries.get(key)?.spot ?? tree.spot;
    report.add({
      severity: 'error',
      path: read?.tree.entries.has(key) ? [...path, key] : path,
      spot,
      message,
      found,
      expected,
    });
    return undefined;
  };
  if (isLost)
    return refuse(
      'use',
      'A file of a source names a folder beside itself; plugins in sources are named by their addresses.',
      describeValue(said),
      'a name, an address such as s3://bucket/name@^1.2, or an absolute folder of this machine',
    );
  if (!instanceName.test(as))
    return refuse(
      'as',
      'The name of an instance holds a character that it cannot.',
      describeValue(as),
      'letters, digits, dots, hyphens and underscores',
    );
  if (groups?.length === 0)
    return refuse(
      'for',
      'The list of model groups is empty: the plugin would serve nobody.',
      'an empty list',
      'model groups, or no such key',
    );
  const grants = grantsOf(read);
  const opaque = grants.fetch.find((origin) => URL.parse(origin)?.origin !== origin);
  if (opaque !== undefined)
    return refuse(
      'grants',
      'A plugin is granted to fetch from what is no origin.',
      describeValue(opaque),
      'scheme, host and port alone, such as https://api.example.com',
    );
  return {
    use,
    as,
    grants,
    for: groups,
    runsIn: read?.values.get('place') as PluginEntry['runsIn'],
    trust: (read?.values.get('trust') as boolean | undefined) ?? !(isFile || isAddress(said)),
    onFailure: (read?.values.get('on_failure') as PluginEntry['onFailure'] | undefined) ?? 'abort',
    config: (read?.values.get('config') as Record<string, unknown> | undefined) ?? {},
    reason: `listed under "${formatPath(path.slice(0, -1))}" in ${file}, line ${line}`,
    place: { file, line, column: tree.spot.column, path: formatPath(path) },
  };
}

function grantsOf(read: ReadBlock | undefined): Grants {
  const granted = (read?.values.get('grants') as ReadBlock | undefined)?.values;
  return {
    text: granted?.get('text') === true,
    fetch: (granted?.get('fetch') as readonly string[] | undefined) ?? [],
    timeoutMs: read?.values.get('timeout') as number | undefined,
    setupMs: read?.values.get('setup_timeout') as number | undefined,
    queue: read?.values.get('queue') as number | undefined,
  };
}

const isFolder = (text: string): boolean => /^(\.{1,2}(\/|$)|\/)/.test(text);
const isAddress = (text: string): boolean => /^[a-z][a-z0-9+.-]*:\/\//i.test(text);

/** `s3://bucket/cheap-first@^1.2` and `./plugins/cheap-first/` are both cheap-first; a package's scope is no part of its name. */
function nameOf(use: string): string {
  const last = basename(use.replace(/\/+$/, ''));
  return last.replace(/(?<=.)@.*$/, '');
}
