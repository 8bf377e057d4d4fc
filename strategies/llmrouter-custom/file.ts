/** Where a router's file is, and which files are none. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { RutterError } from '@rutter/plugin-sdk';

export interface FileOptions {
  readonly router_path?: string | undefined;
  readonly model_path?: string | undefined;
  readonly custom_routers_path?: string | undefined;
  readonly router?: string | undefined;
}

const endings = ['.mjs', '.js', '.ts', '.mts'];

/**
 * The file that the options name; undefined where they name none. Of a name in a folder the first that is there:
 * `NAME.mjs`, `NAME.js`, `NAME.ts`, `NAME/index.…`, `NAME/router.…`; where there is none yet, the first of these.
 */
export async function fileOf(
  { router_path, model_path, custom_routers_path, router }: FileOptions,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Promise<string | undefined> {
  const file = router_path ?? model_path;
  const folder = custom_routers_path ?? environment.LLMROUTER_CUSTOM_ROUTERS_PATH;
  if (file !== undefined || folder === undefined || folder === '' || router === undefined) return file;
  const names = [router, join(router, 'index'), join(router, 'router')];
  const paths = names.flatMap((name) => endings.map((ending) => join(folder, `${name}${ending}`)));
  for (const path of paths) if ((await stat(path).catch(() => undefined))?.isFile()) return path;
  return paths[0];
}

/** Throws ERR_CONFIG_INVALID for what is not run here. */
export function refuseFile(path: string): void {
  if (/\.(?:pt|pth|pkl|pickle|joblib)$/i.test(path))
    throw new RutterError(
      'ERR_CONFIG_INVALID',
      `${path} looks like a pickled or PyTorch file, which could run code and is never read. Train one of the learnt strategies instead. Run: rutter train rutter-auto --data OUTCOMES.jsonl --out ${path.replace(/\.\w+$/, '.rra')}`,
    );
  if (/\.py$/i.test(path))
    throw new RutterError(
      'ERR_CONFIG_INVALID',
      `${path} is Python, which is not run here; expected an ES module (.mjs, .js or .ts) whose default export makes a router with route_single.`,
    );
}
