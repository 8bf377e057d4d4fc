/** Starts processes on one core each, ends them with what they started, and reads their costs from /proc. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

const tickUs = 1e6 / Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
const live = new Set();
const pinner = 'taskset';

/** Whether processes can be kept to one core each. */
export const canPin = availableParallelism() >= 2 && spawnSync(pinner, ['-c', '1', 'true']).status === 0;

/** `core` is 0 (vendor and load) or 1 (contestant). */
export function start(command, { core, env = {}, cwd, stdio = 'ignore' }) {
  const [file, ...args] = canPin ? [pinner, '-c', String(core), ...command] : command;
  const child = spawn(file, args, { cwd, env: { ...process.env, ...env }, stdio });
  child.on('error', (error) => process.stderr.write(`${error.message}\n`));
  live.add(child);
  child.once('close', () => live.delete(child));
  return child;
}

const hasEnded = (child) => child.exitCode !== null || child.signalCode !== null || child.pid === undefined;

export async function stop(child, ms = 5000) {
  if (child === undefined || hasEnded(child)) return;
  const children = descendants(child.pid);
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await Promise.race([ended, sleep(ms)]);
  if (!hasEnded(child)) child.kill('SIGKILL');
  for (const pid of children) if (read(`/proc/${pid}/stat`) !== '') process.kill(pid, 'SIGKILL');
}

/** What a process prints until it ends; throws when it fails or takes longer than `ms`. */
export async function output(child, ms) {
  let text = '';
  let complaint = '';
  child.stdout.setEncoding('utf8').on('data', (part) => (text += part));
  child.stderr?.setEncoding('utf8').on('data', (part) => (complaint += part));
  const timer = setTimeout(() => child.kill('SIGKILL'), ms);
  const code = await new Promise((resolve) => child.once('close', resolve));
  clearTimeout(timer);
  if (code !== 0) throw new Error(`A process ended with ${code ?? `a signal after at most ${ms} ms`}. ${complaint}`);
  return text;
}

const read = (path) => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // The process has ended.
  }
};

const childrenOf = (pid) => read(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean).map(Number);
const descendants = (pid) => childrenOf(pid).flatMap((child) => [child, ...descendants(child)]);

function cpuUs(pid) {
  // The name of the program, in brackets, may hold blanks.
  const [, user = 0, system = 0] = /\) (?:\S+ ){11}(\d+) (\d+)/.exec(read(`/proc/${pid}/stat`)) ?? [];
  return (Number(user) + Number(system)) * tickUs;
}

const rssMb = (pid) => Number(/^VmRSS:\s+(\d+) kB/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0) / 1024;

const overTree = (cost) => (pid) => [pid, ...descendants(pid)].reduce((sum, one) => sum + cost(one), 0);

/** Of a process and its living descendants. */
export const treeCpuUs = overTree(cpuUs);
/** Pages that processes share count in each. */
export const treeRssMb = overTree(rssMb);

/** All that the cores have done for anybody, and what a hypervisor took away. */
export function machineBusyUs() {
  const fields = read('/proc/stat').split('\n')[0].trim().split(/\s+/).slice(1, 9).map(Number);
  const [, , , idle, waiting] = fields;
  return (fields.reduce((sum, ticks) => sum + ticks) - idle - waiting) * tickUs;
}

/** Waits until the process uses less than a tenth of a core; 8 s at most. */
export async function settle(pid) {
  for (let look = 0; look < 40; look++) {
    const before = treeCpuUs(pid);
    await sleep(200);
    if (treeCpuUs(pid) - before <= 20_000) return;
  }
}

function endAll() {
  for (const child of live) child.kill('SIGKILL');
}
process.on('exit', endAll);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));
