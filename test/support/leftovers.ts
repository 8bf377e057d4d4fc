/**
 * Ends at the end of a test file whatever the file started and did not end.
 *
 * Importing this registers the hook, so it must be imported while a file is
 * being collected: at the top, as every import is.
 */
import { afterAll } from 'vitest';

type End = () => Promise<unknown>;

const leftovers = new Set<End>();

/** Registers the way to end something; the result takes it off the list. */
export function endAfterFile(end: End): () => void {
  leftovers.add(end);
  return () => leftovers.delete(end);
}

afterAll(async () => {
  const ends = [...leftovers].reverse();
  leftovers.clear();
  const results = await Promise.allSettled(ends.map((end) => end()));
  const failure = results.find((result) => result.status === 'rejected');
  if (failure) throw failure.reason;
}, 30_000);
