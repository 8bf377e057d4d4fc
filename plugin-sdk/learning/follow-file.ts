/**
 * A file that may be replaced while it is in use: taken now, and whenever it
 * changes. The truth is a look every so often; events of its folder bring the
 * next look forward. One that cannot be taken is told of once, and what was
 * taken before stays.
 */
import { type FSWatcher, watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { Host } from '../contract/host.ts';

export interface FollowOptions {
  readonly path: string;
  /** Milliseconds between two looks; 0 for one look only. */
  readonly everyMs: number;
  /** Throws where the file is not even to be looked at. */
  check(): void;
  /** Rejects to leave things as they are. */
  take(): Promise<void>;
}

export interface FollowedFile {
  /** Why the file, as it is now, could not be taken; undefined where it was. */
  readonly trouble: string | undefined;
  close(): void;
}

/** A file that is being written changes again within this time. */
const stillMs = 200;

/** Resolves after the first look. Close it with the instance. */
export async function followFile(host: Host, { path, everyMs, check, take }: FollowOptions): Promise<FollowedFile> {
  let seen = '';
  let trouble: string | undefined;
  const look = async () => {
    try {
      check();
      const { mtimeMs, size, ino } = await stat(path);
      const mark = `${mtimeMs}:${size}:${ino}`;
      if (mark === seen) return;
      seen = mark;
      await take();
      trouble = undefined;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (reason !== trouble) host.log.error({ path, reason }, 'the router could not be loaded');
      trouble = reason;
    }
  };
  const closed = new AbortController();
  let turn: Promise<void> = look();
  let isWaiting = false;
  const lookSoon = () => {
    if (isWaiting) return;
    isWaiting = true;
    turn = turn
      .then(() => host.clock.sleep(stillMs, closed.signal))
      .then(() => {
        isWaiting = false;
        return look();
      })
      .catch(() => {});
  };
  await turn;
  const isFollowed = everyMs > 0;
  const stop = isFollowed
    ? host.every(everyMs, async () => {
        turn = turn.then(look);
        await turn;
      })
    : undefined;
  const watcher = isFollowed ? watcherOf(path, lookSoon) : undefined;
  return {
    get trouble() {
      return trouble;
    },
    close() {
      closed.abort();
      watcher?.close();
      stop?.();
    },
  };
}

/** The folder's, since a file that is replaced takes its own watcher with it; undefined where the system has none: looks see it too. */
function watcherOf(path: string, onEvent: () => void): FSWatcher | undefined {
  try {
    const name = basename(path);
    const watcher = watch(dirname(path), { persistent: false }, (_event, changed) => {
      if (changed === name || changed === null) onEvent();
    });
    return watcher.on('error', () => watcher.close());
  } catch {
    return undefined;
  }
}
