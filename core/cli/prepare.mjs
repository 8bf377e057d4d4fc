/**
 * Brings a checkout into a state that runs: packages installed, sources built.
 *
 * What is already there is left alone, so that a second start is quick.
 */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { endLike, run } from './launch.mjs';

export const root = fileURLToPath(new URL('../..', import.meta.url));

/** Written by the last step of a build; as old as the moment that step began. */
export const buildStamp = join(root, 'core', 'dist', 'build.stamp');

const sourceFolders = ['core', 'plugin-sdk', 'plugins', 'strategies'];
const rootSources = ['package.json', 'tsconfig.base.json', 'tsconfig.plugin.json', 'tsconfig.json'];
const skippedFolders = new Set(['node_modules', 'dist', 'data', 'coverage', 'reports']);

export async function prepare() {
  // Development packages too, whatever NODE_ENV says: the compiler is one of them.
  if (needsInstall()) {
    say('Installing the packages; this takes about half a minute, once.');
    await npm('ci', '--include=dev', '--include=optional', '--no-audit', '--no-fund', '--loglevel=error');
  }
  if (needsBuild()) {
    say('Building what has changed.');
    await npm('run', 'build', '--silent');
  }
}

function needsInstall() {
  return modifiedMs(join(root, 'node_modules', '.package-lock.json')) < modifiedMs(join(root, 'package-lock.json'));
}

function needsBuild() {
  if (!existsSync(join(root, 'plugin-sdk', 'dist'))) return true;
  const builtMs = modifiedMs(buildStamp);
  return (
    rootSources.some((file) => modifiedMs(join(root, file)) > builtMs) ||
    sourceFolders.some((folder) => hasNewer(join(root, folder), builtMs))
  );
}

function hasNewer(folder, thanMs) {
  if (!existsSync(folder)) return false;
  return readdirSync(folder, { withFileTypes: true }).some((entry) => {
    if (entry.name.startsWith('.')) return false;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return !skippedFolders.has(entry.name) && hasNewer(path, thanMs);
    return entry.isFile() && isBuilt(entry.name) && modifiedMs(path) > thanMs;
  });
}

/** Tests are read by the test runner, never built. */
function isBuilt(name) {
  return !name.endsWith('.md') && !name.endsWith('.test.ts');
}

/** Never, as a time before all others, when the file is missing. */
function modifiedMs(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Number.NEGATIVE_INFINITY;
}

const say = (text) => process.stdout.write(`${text}\n`);

async function npm(...args) {
  const end = await run('npm', args, { cwd: root, environment: { PATH: withBinaries(process.env.PATH) } });
  if (end.code !== 0) endLike(end);
}

/** The pinned Node stands in `node_modules/.bin`; it is there once the packages are. */
function withBinaries(path) {
  const folder = join(root, 'node_modules', '.bin');
  return path?.startsWith(folder) ? path : [folder, dirname(process.execPath), path].filter(Boolean).join(':');
}
