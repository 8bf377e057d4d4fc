/** The table that was learnt, taken again when it changes; a threshold in its stead. */
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { type Host, type PinnedFile, RutterError } from '@rutter/plugin-sdk';
import { binOf, type Cascade, type FollowedFile, followFile, readCascade } from '@rutter/plugin-sdk/learning';

export interface TableOptions {
  readonly file: PinnedFile | undefined;
  /** 0 never. */
  readonly reloadMs: number;
  /** Without a table: up to this share of "correct" the larger model is asked. */
  readonly threshold: number;
}

export interface Rule {
  /** Whether the larger model is asked. */
  readonly asks: (share: number) => boolean;
  /** What it goes by, for the record. */
  readonly told: string;
}

export interface RuleTable {
  /** The rule for a step from one model to the next, by their names. */
  rule(small: string, large: string): Rule;
  close(): void;
}

const mostBytes = 4 * 1024 * 1024;

/** Pickles can run code when they are read; they never are. */
function refusePickle(path: string): void {
  if (!/\.(?:pt|pth|pkl|pickle|joblib)$/i.test(path)) return;
  throw new RutterError(
    'ERR_CONFIG_INVALID',
    `${path} looks like a pickled or PyTorch file, which could run code and is never read. Run: rutter train llmrouter-automix --data ROWS.jsonl --out ${path.replace(/\.\w+$/, '.rra')}`,
  );
}

async function read({ path, sha256 }: PinnedFile): Promise<Cascade> {
  const { size } = await stat(path);
  if (size > mostBytes)
    throw new RutterError('ERR_CONFIG_INVALID', `${path} has ${size} bytes; expected at most ${mostBytes}.`);
  const bytes = await readFile(path);
  const found = createHash('sha256').update(bytes).digest('hex');
  if (sha256 !== undefined && found !== sha256)
    throw new RutterError('ERR_CONFIG_INVALID', `${path} has SHA-256 ${found}; expected ${sha256}.`);
  return readCascade(bytes, path);
}

/** Waits for the first reading. A table that is pinned to its digest must be readable; any other is waited for. */
export async function ruleTable(host: Host, { file, reloadMs, threshold }: TableOptions): Promise<RuleTable> {
  let cascade: Cascade | undefined;
  let following: FollowedFile | undefined;
  const take = async (from: PinnedFile) => {
    cascade = await read(from);
    host.log.info({ models: cascade.models, rule: cascade.family }, 'router loaded');
  };
  if (file?.sha256 !== undefined) await take(file);
  else if (file !== undefined)
    following = await followFile(host, {
      path: file.path,
      everyMs: reloadMs,
      check: () => refusePickle(file.path),
      take: () => take(file),
    });

  const byThreshold = (why: string): Rule => ({
    asks: (share) => share <= threshold,
    told: `threshold ${threshold.toFixed(2)}${why}`,
  });
  return {
    rule(small, large) {
      if (cascade === undefined) return byThreshold(file === undefined ? '' : ', no table could be read');
      const { models, actions, family } = cascade;
      if (models.length > 0 && !(models[0] === small && models[1] === large))
        return byThreshold(', the table is of other models');
      return { asks: (share) => actions[binOf(share, actions.length - 1)] === true, told: `table of ${family}` };
    },
    close: () => following?.close(),
  };
}
