/**
 * Training in threads of their own: the main thread stays free, and two
 * strategies are learnt at a time on two cores.
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { type ErrorCode, RutterError } from '@rutter/plugin-sdk';
import type { Learner, TokenTable, TokenTableInput, TrainingRun, TrainOptions } from '@rutter/plugin-sdk/learning';
import type { LabData } from './data.ts';

/** What a thread is given, in plain values. */
export interface Job {
  /** Name of the learner. */
  readonly learner: string;
  readonly data: Pick<LabData, 'outcomes' | 'raw'>;
  readonly options: Omit<TrainOptions, 'onProgress'>;
}

export type Progress = Parameters<NonNullable<TrainingRun['onProgress']>>[0];

/** What a thread is to do: learn an artefact, or a table of token vectors. */
type Task = { readonly artefact: Job } | { readonly table: TokenTableInput };

type Message =
  | { readonly kind: 'progress'; readonly progress: Progress }
  | { readonly kind: 'done'; readonly result: unknown }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly message: string };

type Learning = typeof import('@rutter/plugin-sdk/learning');

/** A plugin is one packed text, so the thread gets the text of this function: it may use nothing from outside. */
function work(): void {
  const { parentPort, workerData } = process.getBuiltinModule('node:worker_threads');
  const { learning, task } = workerData as { readonly learning: string; readonly task: Task };
  const say = (message: Message) => parentPort?.postMessage(message);
  try {
    const { createRequire } = process.getBuiltinModule('node:module');
    // Not import(): packing would put a call of its own there.
    const parts = createRequire(learning)(learning) as Learning & Readonly<Record<string, unknown>>;
    const onProgress = (progress: Progress) => say({ kind: 'progress', progress });
    if ('table' in task) {
      say({ kind: 'done', result: parts.learnTokenTable(task.table, onProgress) });
      return;
    }
    const { learner: name, data, options } = task.artefact;
    const learner = Object.values(parts).find(
      (part) =>
        (part as Partial<Learner> | null)?.name === name && typeof (part as Partial<Learner>).train === 'function',
    ) as Learner | undefined;
    if (!learner) throw new Error(`there is no learner ${name}`);
    say({ kind: 'done', result: parts.trainArtefact(learner, data.outcomes, data.raw, { ...options, onProgress }) });
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

function beside(task: Task, what: string, onProgress: (progress: Progress) => void): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  const worker = new Worker(source, {
    eval: true,
    workerData: { learning: learningPath(), task },
    resourceLimits: { maxOldGenerationSizeMb: mostHeapMb },
  });
  worker.on('message', (message: Message) => {
    if (message.kind === 'progress') onProgress(message.progress);
    else if (message.kind === 'done') resolve(message.result);
    else reject(new RutterError(message.code, message.message));
  });
  const lost = (reason: string) =>
    reject(new RutterError('ERR_PLUGIN_FAILED', `Training ${what} ended early: ${reason}.`));
  worker.on('error', (error) => lost(error.message));
  worker.on('exit', (code) => lost(`its thread ended with code ${code}`));
  return promise;
}

/** The artefact. Rejects with ERR_CONFIG_INVALID for what the learner refuses, ERR_PLUGIN_FAILED for what went wrong. */
export async function trainBeside(job: Job, onProgress: (progress: Progress) => void): Promise<Buffer> {
  const bytes = (await beside({ artefact: job }, job.learner, onProgress)) as Uint8Array;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export const tableBeside = async (input: TokenTableInput, onProgress: (progress: Progress) => void) =>
  (await beside({ table: input }, 'the table', onProgress)) as TokenTable;

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
