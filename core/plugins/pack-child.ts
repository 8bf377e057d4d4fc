/** Packs one folder in a process of its own: what hangs or crashes there harms nobody else. */
import { Worker } from 'node:worker_threads';
import { packPlugin, packUntrusted } from '@rutter/plugin-sdk/pack';

export type PackAnswer = { readonly ok: true } | { readonly ok: false; readonly message: string };

const [folder = '', outDir = '', parent = '', trust = ''] = process.argv.slice(2);

/**
 * A top level that never ends would outlive a gateway that was killed: a
 * thread of its own still runs beside it, and ends the group with the parent.
 */
const guard = `
const { workerData: parent } = require('node:worker_threads');
setInterval(() => {
  if (process.ppid !== parent) process.kill(-process.pid, 'SIGKILL');
}, 500);`;
new Worker(guard, { eval: true, workerData: Number(parent) }).unref();

const packing =
  trust === 'untrusted' ? packUntrusted(folder, { outDir }) : packPlugin(folder, { outDir, schema: 'any' });
const answer: PackAnswer = await packing.then(
  () => ({ ok: true }),
  (error: unknown) => ({ ok: false, message: error instanceof Error ? error.message : String(error) }),
);
process.send?.(answer, () => process.exit(0));
