/** Rows of numbers in one block. */

/** `rows × columns`, row by row. */
export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly values: Float32Array;
}

export const matrix = (
  rows: number,
  columns: number,
  values: Float32Array = new Float32Array(rows * columns),
): Matrix => ({
  rows,
  columns,
  values,
});

export const rowOf = ({ values, columns }: Matrix, row: number): Float32Array =>
  values.subarray(row * columns, (row + 1) * columns);

/** Sum of products of two runs of `length` numbers. */
export function dotAt(
  left: ArrayLike<number>,
  right: ArrayLike<number>,
  { leftAt = 0, rightAt = 0, length = right.length }: { leftAt?: number; rightAt?: number; length?: number } = {},
): number {
  let sum = 0;
  for (let at = 0; at < length; at++) sum += (left[leftAt + at] as number) * (right[rightAt + at] as number);
  return sum;
}

export const sigmoid = (x: number): number => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)));

/** In place, to unit length; the zero vector stays what it is. */
export function normalise(vector: Float32Array): Float32Array {
  let sum = 0;
  for (const value of vector) sum += value * value;
  if (sum === 0) return vector;
  const scale = 1 / Math.sqrt(sum);
  for (let at = 0; at < vector.length; at++) vector[at] = (vector[at] as number) * scale;
  return vector;
}

/** Index of the largest value, the first of equals; -1 for none. */
export function argmax(values: ArrayLike<number>): number {
  let best = -1;
  for (let at = 0; at < values.length; at++)
    if (!Number.isNaN(values[at] as number) && (best < 0 || (values[at] as number) > (values[best] as number)))
      best = at;
  return best;
}

export const meanOf = (values: ArrayLike<number>): number => {
  let sum = 0;
  for (let at = 0; at < values.length; at++) sum += values[at] as number;
  return values.length === 0 ? 0 : sum / values.length;
};
