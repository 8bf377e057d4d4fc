/** What the sandbox allows, in one place. */
import type { Kind } from '@rutter/plugin-sdk';
import type { Bounds } from './values.ts';

/** Child processes at once; further plugins share them. */
export const mostChildren = 4;
/** Of one isolate, as V8 counts it. */
export const memoryMb = 64;
/** Of a child's own heap, in which answers of guests are copied. */
export const childHeapMb = 128;
/** Of one message either way, and of one answer. */
export const mostFrameBytes = 16 * 1024 * 1024;
export const mostAnswerCharacters = 2 * 1024 * 1024;
/** Calls of one plugin at once where its entry says nothing; more are refused without asking it. */
export const mostCalls = 256;
/** After its deadline a call must at least be answered by the child itself; a child that is silent longer is killed. */
export const silenceMs = 1000;
/** How long a worker thread may be silent after a deadline: nothing else shares it, and it is soon replaced. */
export const threadSilenceMs = 250;
/** Of a worker thread's heap; vectors and buffers lie outside of it. */
export const threadHeapMb = 512;
/** To open an isolate or a thread: none of the plugin's code runs yet, and a busy machine may take its time. */
export const openMs = 8000;
/** To load a text, check options or set up, each, in a worker: as long as inside. */
export const threadSetUpMs = 10_000;
/** To load a text, check options or set up, each, in the sandbox. */
export const setUpMs = 2000;
/** A plugin that falls so often within `fallWindowMs` is left alone. */
export const mostFalls = 3;
export const fallWindowMs = 60_000;
/** Pause before a plugin that took its isolate down is set up again; doubled each time, up to the longest. */
export const firstPauseMs = 50;
export const longestPauseMs = 5000;

/** To the sandbox, and back. */
export const outBounds: Bounds = { depth: 64, values: 500_000 };
export const inBounds: Bounds = { depth: 48, values: 200_000 };

/** How long one answer may take where the entry says nothing, by kind; the kinds that can run in the sandbox. */
export const deadlines: Readonly<Partial<Record<Kind, number>>> = {
  strategy: 250,
  guard: 1000,
  observer: 1000,
  embedder: 5000,
  provider: 1000,
  cache: 250,
};
