/** Generations: immutable compositions, swapped while requests are in flight. */
export type { Waiting } from './change-queue.ts';
export { Generation, GenerationLease } from './generation.ts';
export { type BuildParts, GenerationKeeper, type KeeperOptions, type Prepared } from './keeper.ts';
export type { InstanceRow } from './list.ts';
export type { KnownNames, ReadConfiguration } from './read-composition.ts';
export { type Change, describeDiagnostic, type LeftOut, type ReloadReport } from './report.ts';
export type { Remote } from './running.ts';
export { configurationToken, createRoot, kernelToken, kindToken } from './tokens.ts';
export { FileWatcher, type WatchedPaths, type WatcherOptions, watchComposition } from './watch.ts';
