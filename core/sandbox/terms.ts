/**
 * What differs between the two places outside of the gateway's own code: the
 * sandbox, for plugins that nobody vouches for, and a worker thread, for
 * trusted ones that would hold the event loop.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Embedder } from '@rutter/plugin-sdk';
import type { Diagnostic } from '../config/types.ts';
import type { KernelServices } from '../plugins/kernel-services.ts';
import type { PlannedInstance } from '../plugins/plan.ts';
import type { PlaceName } from '../plugins/types.ts';
import { refuseManifest, refuseWorker } from './admission.ts';
import type { AnswersOptions } from './answers.ts';
import type { GuestSetUp } from './guest/host.ts';
import { setUpMs, threadSetUpMs, threadSilenceMs } from './limits.ts';
import type { SandboxPool } from './pool.ts';
import type { ResidentOptions } from './resident.ts';
import type { Threads } from './worker/threads.ts';

export interface Terms {
  readonly refused: readonly Diagnostic[];
  readonly living: Pick<ResidentOptions, 'pool' | 'where' | 'queue' | 'serialSilenceMs' | 'setUpMs'>;
  readonly mayReadText: boolean;
  readonly granted: Pick<AnswersOptions, 'origins' | 'services'>;
  readonly trusted: GuestSetUp['trusted'];
}

interface Places {
  readonly pool: SandboxPool;
  readonly threads: Threads;
}

interface Asked {
  readonly instance: PlannedInstance;
  readonly place: PlaceName;
  readonly services: ReadonlyMap<string, unknown>;
  readonly kernel: Pick<KernelServices, 'dataFolder'>;
}

export function termsOf(asked: Asked, places: Places): Terms {
  return asked.place === 'worker' ? inWorker(asked, places) : inSandbox(asked, places);
}

function inSandbox({ instance }: Asked, { pool }: Places): Terms {
  const { grants } = instance;
  return {
    refused: refuseManifest(instance),
    living: { pool, where: 'in the sandbox', queue: grants.queue, setUpMs: grants.setupMs ?? setUpMs },
    mayReadText: grants.text,
    granted: { origins: grants.fetch },
    trusted: undefined,
  };
}

/** What its manifest asks for it has, as it would inside. */
function inWorker({ instance, services, kernel }: Asked, { threads }: Places): Terms {
  const { manifest, folder, packed } = instance.package;
  const { needs } = manifest;
  const { dimensions, version } = (services.get('embedder') ?? {}) as Partial<Embedder>;
  return {
    refused: refuseWorker(instance),
    living: {
      pool: threads.roomsFor({ manifest, folder, file: packed?.file ?? '' }),
      where: 'in its worker',
      queue: instance.grants.queue,
      serialSilenceMs: threadSilenceMs,
      setUpMs: instance.grants.setupMs ?? threadSetUpMs,
    },
    mayReadText: true,
    granted: { origins: needs.includes('fetch') ? undefined : [], services },
    trusted: {
      ...(needs.includes('files') && { dataFolder: folderOf(kernel.dataFolder, instance.name) }),
      ...(dimensions !== undefined && version !== undefined && { embedder: { dimensions, version } }),
    },
  };
}

function folderOf(dataFolder: string, name: string): string {
  const folder = join(dataFolder, 'instances', name);
  mkdirSync(folder, { recursive: true });
  return folder;
}
