/** Linear least squares with a penalty on the weights, solved exactly (Cholesky). */

export interface Ridge {
  readonly width: number;
  readonly outputs: number;
  /** `(width + 1) × outputs`; the last row is the constant. */
  readonly weights: Float32Array;
}

/** Rows whose target is NaN are left out of that output. */
export function fitRidge(
  inputs: Float32Array,
  width: number,
  targets: Float32Array,
  outputs: number,
  penalty: number,
): Ridge {
  const size = width + 1;
  const rows = inputs.length / width;
  const weights = new Float32Array(size * outputs);
  const at = (row: number, column: number) => (column === width ? 1 : (inputs[row * width + column] as number));
  for (let to = 0; to < outputs; to++) {
    const gram = new Float64Array(size * size);
    const right = new Float64Array(size);
    for (let row = 0; row < rows; row++) {
      const target = targets[row * outputs + to] as number;
      if (Number.isNaN(target)) continue;
      for (let i = 0; i < size; i++) {
        const value = at(row, i);
        if (value === 0) continue;
        right[i] = (right[i] as number) + value * target;
        for (let j = 0; j <= i; j++) gram[i * size + j] = (gram[i * size + j] as number) + value * at(row, j);
      }
    }
    for (let i = 0; i < width; i++) gram[i * size + i] = (gram[i * size + i] as number) + penalty;
    gram[size * size - 1] = (gram[size * size - 1] as number) + 1e-6;
    const solved = solve(gram, right, size);
    for (let i = 0; i < size; i++) weights[i * outputs + to] = solved[i] as number;
  }
  return { width, outputs, weights };
}

export function predictRidge({ width, outputs, weights }: Ridge, input: ArrayLike<number>, to: number): number {
  let sum = weights[width * outputs + to] as number;
  for (let i = 0; i < width; i++) sum += (weights[i * outputs + to] as number) * (input[i] as number);
  return sum;
}

/** Solves a symmetric positive definite system in place; only the lower triangle is read. */
export function solve(gram: Float64Array, right: Float64Array, size: number): Float64Array {
  for (let j = 0; j < size; j++) {
    for (let i = j; i < size; i++) {
      let sum = gram[i * size + j] as number;
      for (let k = 0; k < j; k++) sum -= (gram[i * size + k] as number) * (gram[j * size + k] as number);
      gram[i * size + j] = i === j ? Math.sqrt(Math.max(sum, 1e-12)) : sum / (gram[j * size + j] as number);
    }
  }
  for (let i = 0; i < size; i++) {
    let sum = right[i] as number;
    for (let k = 0; k < i; k++) sum -= (gram[i * size + k] as number) * (right[k] as number);
    right[i] = sum / (gram[i * size + i] as number);
  }
  for (let i = size - 1; i >= 0; i--) {
    let sum = right[i] as number;
    for (let k = i + 1; k < size; k++) sum -= (gram[k * size + i] as number) * (right[k] as number);
    right[i] = sum / (gram[i * size + i] as number);
  }
  return right;
}
