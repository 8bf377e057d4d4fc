/**
 * Support vector machines on a given kernel matrix, by sequential minimal
 * optimisation with second-order working sets (Fan, Chen and Lin 2005).
 */

export interface SvmOptions {
  /** Largest weight of each example: C times what the example counts; 0 leaves it out. */
  readonly limits: Float64Array;
  /** How far the optimality conditions may be missed. */
  readonly tolerance: number;
  readonly mostSteps: number;
}

export interface Svm {
  /** Multiplier times label of each example: what its kernel value counts. */
  readonly weights: Float64Array;
  readonly bias: number;
  readonly steps: number;
}

interface State {
  readonly labels: Int8Array;
  readonly limits: Float64Array;
  readonly alphas: Float64Array;
  /** Of the dual objective. */
  readonly gradient: Float64Array;
}

/** Whether a step may raise label × multiplier of an example, and whether it may lower it. */
const mayRise = ({ labels, alphas, limits }: State, at: number) =>
  labels[at] === 1 ? (alphas[at] as number) < (limits[at] as number) : (alphas[at] as number) > 0;
const mayFall = ({ labels, alphas, limits }: State, at: number) =>
  labels[at] === 1 ? (alphas[at] as number) > 0 : (alphas[at] as number) < (limits[at] as number);

const leastCurve = 1e-12;

function workingSet(state: State, kernel: Float32Array, size: number) {
  const { labels, gradient } = state;
  const pull = (at: number) => -(labels[at] as number) * (gradient[at] as number);
  let up = -1;
  let highest = Number.NEGATIVE_INFINITY;
  for (let at = 0; at < size; at++) {
    if (!mayRise(state, at) || pull(at) <= highest) continue;
    highest = pull(at);
    up = at;
  }
  let down = -1;
  let lowest = Number.POSITIVE_INFINITY;
  let bestGain = 0;
  for (let at = 0; at < size; at++) {
    if (!mayFall(state, at)) continue;
    const own = pull(at);
    lowest = Math.min(lowest, own);
    const lead = highest - own;
    if (lead <= 0) continue;
    const gain = (lead * lead) / curveOf(kernel, size, up, at);
    if (gain <= bestGain) continue;
    bestGain = gain;
    down = at;
  }
  return { up, down, highest, lowest };
}

function curveOf(kernel: Float32Array, size: number, i: number, j: number): number {
  const [ii, jj, ij] = [kernel[i * size + i], kernel[j * size + j], kernel[i * size + j]] as [number, number, number];
  return Math.max(leastCurve, ii + jj - 2 * ij);
}

/** Labels 1 and -1; the kernel is symmetric, `n × n`. Throws nothing: a set of one label alone gives bias alone. */
export function trainSvm(kernel: Float32Array, labels: Int8Array, options: SvmOptions): Svm {
  const size = labels.length;
  const { limits, tolerance, mostSteps } = options;
  const state: State = { labels, limits, alphas: new Float64Array(size), gradient: new Float64Array(size).fill(-1) };
  const { alphas, gradient } = state;
  let steps = 0;
  let set = workingSet(state, kernel, size);
  while (steps < mostSteps && set.down >= 0 && set.highest - set.lowest > tolerance) {
    const { up, down } = set;
    const [upLabel, downLabel] = [labels[up] as number, labels[down] as number];
    const lead = upLabel * -(gradient[up] as number) + downLabel * (gradient[down] as number);
    const upRoom = upLabel === 1 ? (limits[up] as number) - (alphas[up] as number) : (alphas[up] as number);
    const downRoom = downLabel === 1 ? (alphas[down] as number) : (limits[down] as number) - (alphas[down] as number);
    const move = Math.min(lead / curveOf(kernel, size, up, down), upRoom, downRoom);
    // A multiplier that meets its bound is put exactly there: rounding must not leave it an invisible rest.
    const limited = (room: number, label: number, at: number, sign: number) => {
      if (move < room) return (alphas[at] as number) + sign * label * move;
      return sign * label > 0 ? (limits[at] as number) : 0;
    };
    alphas[up] = limited(upRoom, upLabel, up, 1);
    alphas[down] = limited(downRoom, downLabel, down, -1);
    for (let at = 0, i = up * size, j = down * size; at < size; at++, i++, j++)
      gradient[at] =
        (gradient[at] as number) + (labels[at] as number) * move * ((kernel[i] as number) - (kernel[j] as number));
    steps++;
    set = workingSet(state, kernel, size);
  }
  return {
    weights: alphas.map((alpha, at) => alpha * (labels[at] as number)),
    bias: biasOf(state, set.highest, set.lowest),
    steps,
  };
}

function biasOf({ labels, limits, alphas, gradient }: State, highest: number, lowest: number): number {
  let sum = 0;
  let free = 0;
  alphas.forEach((alpha, at) => {
    if (alpha <= 0 || alpha >= (limits[at] as number)) return;
    sum -= (labels[at] as number) * (gradient[at] as number);
    free++;
  });
  if (free > 0) return sum / free;
  // Nothing free: anything between the two serves; of one label alone only one of them exists.
  if (!Number.isFinite(highest)) return Number.isFinite(lowest) ? lowest : 0;
  return Number.isFinite(lowest) ? (highest + lowest) / 2 : highest;
}
