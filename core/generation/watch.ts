/**
 * Notices when configuration or plugin files have changed.
 *
 * The truth is a look at the files every second; events of the file system
 * only bring the next look forward. A change is told once files have been
 * still for a moment, and only when their content differs.
 */
import { createHash } from 'node:crypto';
import { type FSWatcher, watch } from 'node:fs';
import { lstat, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '@rutter/plugin-sdk';
import { sourceFiles, statOrNothing } from '../plugins/source-files.ts';

export interface WatchedPaths {
  readonly files: readonly string[];
  /** Every source file in them, however deep. */
  readonly folders: readonly string[];
}

export interface WatcherOptions {
  readonly clock: Pick<Clock, 'sleep'>;
  /** Asked before every look: what is read may itself change what matters. */
  paths(): WatchedPaths;
  onChange(): void;
  /** A look that failed; the next comes all the same. */
  onFault?(error: unknown): void;
  readonly pollMs?: number;
  readonly stillMs?: number;
}

export interface CompositionWatch {
  watched(): WatchedPaths;
  /** When what is watched was first about to be read, in milliseconds since the epoch: what has changed since is told. Now, when absent. */
  readonly since?: number;
  /** Called once for each change; the next look waits for no answer. */
  changed(): unknown;
  onFault?(error: unknown): void;
  readonly clock?: Pick<Clock, 'sleep'>;
}

const systemClock: Pick<Clock, 'sleep'> = {
  sleep: (ms, signal) => sleep(ms, undefined, signal === undefined ? {} : { signal }),
};

/** Watches what a composition was read from, from now on. */
export function watchComposition({
  watched,
  changed,
  onFault = () => {},
  clock = systemClock,
  since,
}: CompositionWatch): { close(): void } {
  const onChange = () => void Promise.resolve().then(changed).catch(onFault);
  const watcher = new FileWatcher({ clock, paths: watched, onChange, onFault });
  watcher.start(since).catch(onFault);
  return watcher;
}

const mostWatchers = 256;
/** Between two looks, at least. */
const pauseMs = 50;
/** A file that does not rest for five seconds is acted on all the same. */
const mostLooks = 50;

export class FileWatcher {
  readonly #options: WatcherOptions;
  readonly #pollMs: number;
  readonly #stillMs: number;
  readonly #watchers = new Map<string, FSWatcher>();
  readonly #closed = new AbortController();
  #nap = new AbortController();
  #wasCalled = false;
  #seen = '';
  #content = '';

  constructor(options: WatcherOptions) {
    this.#options = options;
    this.#pollMs = options.pollMs ?? 1000;
    this.#stillMs = options.stillMs ?? 100;
  }

  /** Takes what stands there as known, except for what has changed `since`: that is told as a change. */
  async start(since = Number.POSITIVE_INFINITY): Promise<void> {
    const files = await this.#files();
    this.#seen = await fingerprint(files);
    this.#content = await contentOf(files);
    // Asked last: what changes before this is seen here, what changes after it at the next look.
    if (await haveChanged(files, since)) this.#seen = this.#content = '';
    void this.#run();
  }

  close(): void {
    this.#closed.abort();
    this.#nap.abort();
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  async #run(): Promise<void> {
    while (!this.#closed.signal.aborted) {
      try {
        await this.#look();
      } catch (error) {
        this.#options.onFault?.(error);
      }
      await this.#rest();
    }
  }

  async #look(): Promise<void> {
    const seen = await fingerprint(await this.#files());
    if (seen === this.#seen || this.#closed.signal.aborted) return;
    this.#seen = await this.#settled(seen);
    const content = await contentOf(await this.#files());
    if (content === this.#content || this.#closed.signal.aborted) return;
    this.#content = content;
    this.#options.onChange();
  }

  /** The fingerprint once it has stayed the same for a while. */
  async #settled(first: string): Promise<string> {
    let last = first;
    for (let looks = 0; looks < mostLooks; looks += 1) {
      await this.#options.clock.sleep(this.#stillMs, this.#closed.signal);
      const next = await fingerprint(await this.#files());
      if (next === last) break;
      last = next;
    }
    return last;
  }

  async #files(): Promise<readonly string[]> {
    const { files, folders } = this.#options.paths();
    const inside = await Promise.all(folders.map((folder) => sourceFiles(folder)));
    const all = [...new Set([...files, ...inside.flat()])];
    this.#watch(new Set([...all.map((file) => dirname(file)), ...folders]));
    return all;
  }

  /** Directories, not files: a file that is replaced takes its watcher with it. */
  #watch(wanted: ReadonlySet<string>): void {
    if (this.#closed.signal.aborted) return;
    for (const [folder, watcher] of this.#watchers) {
      if (wanted.has(folder)) continue;
      watcher.close();
      this.#watchers.delete(folder);
    }
    for (const folder of wanted) {
      if (this.#watchers.has(folder) || this.#watchers.size >= mostWatchers) continue;
      const watcher = open(folder, () => this.#call());
      if (watcher === undefined) continue;
      watcher.on('error', () => {
        watcher.close();
        this.#watchers.delete(folder);
      });
      this.#watchers.set(folder, watcher);
    }
  }

  #call(): void {
    this.#wasCalled = true;
    this.#nap.abort();
  }

  async #rest(): Promise<void> {
    const { clock } = this.#options;
    // However busy a folder is with other files, looks keep their distance.
    await clock.sleep(pauseMs, this.#closed.signal).catch(() => {});
    this.#nap = new AbortController();
    if (!this.#wasCalled && !this.#closed.signal.aborted)
      await clock.sleep(this.#pollMs, this.#nap.signal).catch(() => {});
    this.#wasCalled = false;
  }
}

/** Undefined where the folder is missing or the system has no watcher left; looking every second still sees it. */
function open(folder: string, onEvent: () => void): FSWatcher | undefined {
  try {
    return watch(folder, { persistent: false }, onEvent);
  } catch {
    return undefined;
  }
}

/** What a look costs little to see: time, size and identity, through links. */
async function fingerprint(files: readonly string[]): Promise<string> {
  const stats = await Promise.all(files.map(statOrNothing));
  return stats.map((found, index) => `${files[index]}:${found?.mtimeMs}:${found?.size}:${found?.ino}`).join('\n');
}

/** Files, and links in their place. The time of the last change is the system's own and cannot be set, unlike that of the last writing. */
async function haveChanged(files: readonly string[], since: number): Promise<boolean> {
  const own = (file: string) => lstat(file).catch(() => undefined);
  const stats = await Promise.all(files.flatMap((file) => [statOrNothing(file), own(file)]));
  return stats.some((found) => found !== undefined && found.ctimeMs > since);
}

async function contentOf(files: readonly string[]): Promise<string> {
  const sum = createHash('sha256');
  for (const file of files) {
    const content = await readFile(file).catch(() => undefined);
    sum.update(`${file}\0${content?.length}\0`).update(content ?? '');
  }
  return sum.digest('hex');
}
