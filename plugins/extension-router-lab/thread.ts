/**
 * Training in threads of their own: the main thread stays free, and two
 * strategies are learnt at a time on two cores.
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { type ErrorCode, RutterError } from '@rutter/plugin-sdk';
import type { Learner, TrainingRun, TrainOptions } from '@rutter/plugin-sdk/learning';
import type { LabData } from './data.ts';

/** What a thread is given, in plain values. */
export interface Job {
  /** Name of the learner. */
  readonly learner: string;
  readonly data: Pick<LabData, 'outcomes' | 'raw'>;
  readonly options: Omit<TrainOptions, 'onProgress'>;
}

export type Progress = Parameters<NonNullable<TrainingRun['onProgress']>>[0];

type Message =
  | { readonly kind: 'progress'; readonly progress: Progress }
  | { readonly kind: 'done'; readonly bytes: Uint8Array }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly message: string };

type Learning = typeof import('@rutter/plugin-sdk/learning');

/** A plugin is one packed text, so the thread gets the text of this function: it may use nothing from outside. */
function work(): void {
  const { parentPort, workerData } = process.getBuiltinModule('node:worker_threads');
  const { learning, job } = workerData as { readonly learning: string; readonly job: Job };
  const say = (message: Message) => parentPort?.postMessage(message);
  try {
    const { createRequire } = process.getBuiltinModule('node:module');
    // Not import(): packing would put a call of its own there.
    const parts = createRequire(learning)(learning) as Learning & Readonly<Record<string, unknown>>;
    const learner = Object.values(parts).find(
      (part) =>
        (part as Partial<Learner> | null)?.name === job.learner &&
        typeof (part as Partial<Learner>).train === 'function',
    ) as Learner | undefined;
    if (!learner) throw new Error(`there is no learner ${job.learner}`);
    const { outcomes, raw } = job.data;
    const onProgress = (progress: Progress) => say({ kind: 'progress', progress });
    say({ kind: 'done', bytes: parts.trainArtefact(learner, outcomes, raw, { ...job.options, onProgress }) });
  } catch (error) {
    const { code, message } = error as Error & { code?: ErrorCode };
    say({ kind: 'failed', code: code?.startsWith('ERR_CONFIG_') ? code : 'ERR_PLUGIN_FAILED', message });
  }
}

// Bundlers that keep names wrap functions in a call of `__name`, which a thread has to know.
const source = `const __name = (value) => value;\n(${work})();`;

/** Where the SDK lies for this plugin. */
const learningPath = () =>
  createRequire(join(import.meta.dirname, 'package.json')).resolve('@rutter/plugin-sdk/learning');

/** Megabytes a thread's own values may take; numbers in blocks are beside that. */
const mostHeapMb = 1_024;

/** The artefact. Rejects with ERR_CONFIG_INVALID for what the learner refuses, ERR_PLUGIN_FAILED for what went wrong. */
export function trainBeside(job: Job, onProgress: (progress: Progress) => void): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const worker = new Worker(source, {
    eval: true,
    workerData: { learning: learningPath(), job },
    resourceLimits: { maxOldGenerationSizeMb: mostHeapMb },
  });
  worker.on('message', (message: Message) => {
    if (message.kind === 'progress') onProgress(message.progress);
    else if (message.kind === 'done')
      resolve(Buffer.from(message.bytes.buffer, message.bytes.byteOffset, message.bytes.byteLength));
    else reject(new RutterError(message.code, message.message));
  });
  const lost = (reason: string) =>
    reject(new RutterError('ERR_PLUGIN_FAILED', `Training ${job.learner} ended early: ${reason}.`));
  worker.on('error', (error) => lost(error.message));
  worker.on('exit', (code) => lost(`its thread ended with code ${code}`));
  return promise;
}

/** Results in the order of the tasks, at most `width` of them under way at a time. */
export async function inTurn<T>(tasks: readonly (() => Promise<T>)[], width: number): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const lane = async () => {
    for (let at = next++; at < tasks.length; at = next++) results[at] = await (tasks[at] as () => Promise<T>)();
  };
  await Promise.all(Array.from({ length: Math.min(width, tasks.length) }, lane));
  return results;
}
