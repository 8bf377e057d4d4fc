/** The nearest of stored rows, by the sum of products: cosine where rows are of unit length. */
import type { Matrix } from './vectors.ts';

export interface Neighbours {
  /** Nearest first. */
  readonly places: Int32Array;
  readonly likeness: Float32Array;
}

/** Brute force with a heap of the best `count`. */
export function nearest({ rows, columns, values }: Matrix, query: ArrayLike<number>, count: number): Neighbours {
  const size = Math.min(count, rows);
  const places = new Int32Array(size).fill(-1);
  const likeness = new Float32Array(size).fill(Number.NEGATIVE_INFINITY);
  for (let row = 0, at = 0; row < rows; row++) {
    let sum = 0;
    for (let column = 0; column < columns; column++, at++) sum += (values[at] as number) * (query[column] as number);
    if (sum <= (likeness[size - 1] as number)) continue;
    let place = size - 1;
    for (; place > 0 && sum > (likeness[place - 1] as number); place--) {
      likeness[place] = likeness[place - 1] as number;
      places[place] = places[place - 1] as number;
    }
    likeness[place] = sum;
    places[place] = row;
  }
  return { places, likeness };
}
