/** Services that the kernel provides itself, by name. */
import { modelList } from '../pipeline/model-list.ts';
import { routing } from './dry-run.ts';

export const kernelProvides: Readonly<Record<string, unknown>> = { models: modelList, routing };
export const kernelServices: readonly string[] = Object.keys(kernelProvides);
