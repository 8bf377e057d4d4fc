/** Vectors of texts that were embedded lately, by the hash of the text. */
import { createHash } from 'node:crypto';
import type { Embedder } from '../contract/services.ts';

const hashOf = (text: string) => createHash('sha256').update(text).digest('base64');

/**
 * Asks for each text once: a text that was embedded lately, or that is being
 * embedded for somebody else, is not embedded again. Keeps `most` vectors,
 * those asked for last; every caller gets copies of its own. A failure is not kept.
 */
export function rememberVectors(embed: Embedder['embed'], most: number): Embedder['embed'] {
  const kept = new Map<string, Float32Array>();
  const running = new Map<string, Promise<Float32Array>>();

  const keep = (hash: string, vector: Float32Array) => {
    kept.set(hash, vector);
    if (kept.size > most) kept.delete(kept.keys().next().value as string);
  };
  /** Starts what neither is known nor under way; one call for all of it. */
  const start = (texts: ReadonlyMap<string, string>) => {
    const hashes = [...texts.keys()];
    const vectors = embed([...texts.values()]);
    hashes.forEach((hash, at) => {
      const own = vectors.then((all) => {
        const vector = all[at];
        if (vector === undefined)
          throw new TypeError(`${texts.size} texts were to be embedded; found ${all.length} vectors.`);
        keep(hash, vector);
        return vector;
      });
      running.set(hash, own);
      const end = () => void running.delete(hash);
      own.then(end, end);
    });
  };

  return async (texts) => {
    const hashes = texts.map(hashOf);
    const missing = new Map<string, string>();
    const found = hashes.map((hash, at) => {
      const vector = kept.get(hash);
      if (vector) {
        // The newest stands last.
        kept.delete(hash);
        kept.set(hash, vector);
      } else if (!running.has(hash)) missing.set(hash, texts[at] as string);
      return vector;
    });
    if (missing.size > 0) start(missing);
    const waited = found.map((vector, at) => vector ?? (running.get(hashes[at] as string) as Promise<Float32Array>));
    return (await Promise.all(waited)).map((vector) => vector.slice());
  };
}
