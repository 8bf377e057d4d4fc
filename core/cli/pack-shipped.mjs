/** The last step of a build: packs every shipped plugin into its own `dist` folder. */
import { existsSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fail, hasRequiredNode, relaunch } from './launch.mjs';
import { buildStamp, root } from './prepare.mjs';

const packer = new URL('../../plugin-sdk/dist/pack/index.js', import.meta.url);

if (!hasRequiredNode()) await relaunch(import.meta.url);
else if (!existsSync(packer))
  fail('Found no plugin-sdk/dist/pack/index.js, expected a built SDK. Run "npm run build".');
else await packShipped();

async function packShipped() {
  const begun = new Date();
  const { bundleScript, packPlugin } = await import(packer.href);
  // The part of the sandbox that runs inside it.
  const guest = join(root, 'core/dist/sandbox/guest');
  writeFileSync(`${guest}.txt`, await bundleScript(join(guest, 'main.js'), { name: 'guest', isSource: false }));
  const folders = shippedFolders();
  const results = await Promise.allSettled(
    folders.map((folder) => packPlugin(folder, { outDir: join(folder, 'dist') })),
  );
  const failures = results.flatMap(({ reason }, index) =>
    reason === undefined ? [] : [`${relative(root, folders[index])}: ${reason?.stack ?? reason}`],
  );
  if (failures.length > 0)
    fail(`Could not pack ${failures.length} of ${folders.length} plugins.\n${failures.join('\n')}`);
  // A source saved while this ran must count as newer.
  writeFileSync(buildStamp, '');
  utimesSync(buildStamp, begun, begun);
}

/** Folders that `rutter.shipped` in the root manifest names; `*` stands for one folder name. */
function shippedFolders() {
  const { shipped } = readManifest(root).rutter;
  return shipped.flatMap(expand).filter((folder) => readManifest(folder)?.rutter !== undefined);
}

function expand(pattern) {
  const path = join(root, pattern);
  if (!pattern.endsWith('/*')) return [path];
  const parent = join(path, '..');
  return existsSync(parent) ? readdirSync(parent).map((name) => join(parent, name)) : [];
}

function readManifest(folder) {
  const file = join(folder, 'package.json');
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
}
