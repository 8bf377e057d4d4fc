/** Groups of numbers that lie together: the partition into so many runs with the least squares within (Fisher 1958). */

/** Number of the tier of each value, from 0 for the lowest; at most `most` tiers. */
export function tiersOf(values: readonly number[], most: number): number[] {
  const order = values.map((_none, at) => at).sort((a, b) => (values[a] as number) - (values[b] as number));
  const sorted = order.map((at) => values[at] as number);
  const count = sorted.length;
  const tiers = Math.min(most, count);
  const within = (from: number, to: number) => {
    const part = sorted.slice(from, to);
    const mean = part.reduce((sum, value) => sum + value, 0) / part.length;
    return part.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  };
  // least[t][n]: of the first n values in t tiers; cut[t][n]: where the last of them begins.
  const least = Array.from({ length: tiers + 1 }, () => new Float64Array(count + 1).fill(Number.POSITIVE_INFINITY));
  const cut = Array.from({ length: tiers + 1 }, () => new Int32Array(count + 1));
  (least[0] as Float64Array)[0] = 0;
  for (let tier = 1; tier <= tiers; tier++)
    for (let to = tier; to <= count; to++)
      for (let from = tier - 1; from < to; from++) {
        const value = ((least[tier - 1] as Float64Array)[from] as number) + within(from, to);
        if (value >= ((least[tier] as Float64Array)[to] as number)) continue;
        (least[tier] as Float64Array)[to] = value;
        (cut[tier] as Int32Array)[to] = from;
      }
  const found = new Array<number>(count).fill(0);
  for (let tier = tiers, to = count; tier > 0; tier--) {
    const from = (cut[tier] as Int32Array)[to] as number;
    for (let at = from; at < to; at++) found[order[at] as number] = tier - 1;
    to = from;
  }
  return found;
}
