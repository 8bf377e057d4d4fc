#!/usr/bin/env node
/**
 * The command `rutter`: sees to the right Node and its flags, then hands over to `dist/cli/main.js`.
 *
 * On a Node that is new enough nothing is started twice: start-up time counts.
 */
import { existsSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { endWithLauncher, endWithScript, fail, hasRequiredNode, relaunch } from './launch.mjs';

const main = new URL('../dist/cli/main.js', import.meta.url);

if (!hasRequiredNode()) {
  await relaunch(import.meta.url);
} else if (!existsSync(main)) {
  fail('Found no core/dist/cli/main.js, expected a built kernel. Run "npm run build".');
} else {
  // V8's cache would keep every plugin text that was ever evaluated; a reload must leave nothing behind.
  setFlagsFromString('--no-compilation-cache');
  endWithLauncher();
  endWithScript();
  await import(main.href);
}
