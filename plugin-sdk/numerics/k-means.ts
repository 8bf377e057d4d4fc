/** Clusters of rows by the nearest of some centres (Lloyd 1982), begun far apart (Arthur and Vassilvitskii 2007). */
import { createRandom } from './random.ts';

export interface KMeansOptions {
  readonly seed: number;
  readonly clusters: number;
  /** Most passes; it ends before where nothing moves any more. */
  readonly passes: number;
}

function distance(centres: Float32Array, at: number, row: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < row.length; i++) sum += ((centres[at + i] as number) - (row[i] as number)) ** 2;
  return sum;
}

/** Number of the nearest centre, the first of equals. */
export function nearestCentre(centres: Float32Array, width: number, row: Float32Array): number {
  let best = 0;
  let least = Number.POSITIVE_INFINITY;
  for (let centre = 0; centre * width < centres.length; centre++) {
    const own = distance(centres, centre * width, row);
    if (own >= least) continue;
    least = own;
    best = centre;
  }
  return best;
}

function firstCentres(values: Float32Array, width: number, { seed, clusters }: KMeansOptions): Float32Array {
  const random = createRandom(seed);
  const rows = values.length / width;
  const rowAt = (row: number) => values.subarray(row * width, (row + 1) * width);
  const centres = new Float32Array(clusters * width);
  const nearest = new Float64Array(rows).fill(Number.POSITIVE_INFINITY);
  let chosen = Math.floor(random() * rows);
  for (let centre = 0; centre < clusters; centre++) {
    centres.set(rowAt(chosen), centre * width);
    let sum = 0;
    for (let row = 0; row < rows; row++) {
      nearest[row] = Math.min(nearest[row] as number, distance(centres, centre * width, rowAt(row)));
      sum += nearest[row] as number;
    }
    let left = random() * sum;
    chosen = nearest.findIndex((own) => {
      left -= own;
      return left < 0;
    });
    if (chosen < 0) chosen = Math.floor(random() * rows);
  }
  return centres;
}

/** `clusters × width`; at least as many rows as clusters. A centre nothing is near to stays where it is. */
export function kMeans(values: Float32Array, width: number, options: KMeansOptions): Float32Array {
  const centres = firstCentres(values, width, options);
  const rows = values.length / width;
  const of = new Int32Array(rows).fill(-1);
  for (let pass = 0; pass < options.passes; pass++) {
    const sums = new Float64Array(centres.length);
    const counts = new Float64Array(options.clusters);
    let moved = 0;
    for (let row = 0; row < rows; row++) {
      const own = values.subarray(row * width, (row + 1) * width);
      const centre = nearestCentre(centres, width, own);
      if (of[row] !== centre) moved++;
      of[row] = centre;
      counts[centre] = (counts[centre] as number) + 1;
      for (let i = 0; i < width; i++)
        sums[centre * width + i] = (sums[centre * width + i] as number) + (own[i] as number);
    }
    if (moved === 0) break;
    for (let at = 0; at < centres.length; at++) {
      const count = counts[Math.floor(at / width)] as number;
      if (count > 0) centres[at] = (sums[at] as number) / count;
    }
  }
  return centres;
}
