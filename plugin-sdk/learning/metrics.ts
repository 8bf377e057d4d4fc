/** How good a router is: quality, cost, and the measures of RouterBench and RouteLLM. */
import { createRandom } from '../numerics/random.ts';

/** One operating point of a router: mean cost and mean quality. */
export interface Point {
  readonly cost: number;
  readonly quality: number;
}

/** The upper concave hull of points, cheapest first; points that cost more and give less are left out. */
export function hullOf(points: readonly Point[]): Point[] {
  const sorted = [...points].sort((a, b) => a.cost - b.cost || b.quality - a.quality);
  const hull: Point[] = [];
  for (const point of sorted) {
    const top = hull.at(-1);
    if (top !== undefined && point.quality <= top.quality) continue;
    while (hull.length >= 2) {
      const [a, b] = [hull.at(-2) as Point, hull.at(-1) as Point];
      const isBelow =
        (b.quality - a.quality) * (point.cost - a.cost) <= (point.quality - a.quality) * (b.cost - a.cost);
      if (!isBelow) break;
      hull.pop();
    }
    hull.push(point);
  }
  return hull;
}

/** Quality of a hull at a cost: linear between points, flat beyond the last; 0 below the first. */
function heightAt(hull: readonly Point[], cost: number): number {
  const first = hull[0];
  if (first === undefined || cost < first.cost) return 0;
  for (let at = 1; at < hull.length; at++) {
    const [a, b] = [hull[at - 1] as Point, hull[at] as Point];
    if (cost <= b.cost) return a.quality + ((b.quality - a.quality) * (cost - a.cost)) / (b.cost - a.cost);
  }
  return (hull.at(-1) as Point).quality;
}

/**
 * Average improvement in quality (Hu et al. 2024, arXiv:2403.12031): area under the hull between two costs, over
 * their distance.
 */
export function averageImprovement(points: readonly Point[], from: number, to: number): number {
  const hull = hullOf(points);
  if (hull.length === 0) return Number.NaN;
  if (to <= from) return heightAt(hull, from);
  const knots = [from, ...hull.map(({ cost }) => cost).filter((cost) => cost > from && cost < to), to];
  let area = 0;
  for (let at = 1; at < knots.length; at++) {
    const [a, b] = [knots[at - 1] as number, knots[at] as number];
    // Inside a piece the hull is a line, so its middle is its mean.
    area += heightAt(hull, (a + b) / 2) * (b - a);
  }
  return area / (to - from);
}

/** What each share of calls to the strong model would give: questions with the highest scores go first. */
function qualityByShare(scores: ArrayLike<number>, weak: ArrayLike<number>, strong: ArrayLike<number>): Float64Array {
  const order = Array.from({ length: scores.length }, (_none, index) => index).sort(
    (a, b) => (scores[b] as number) - (scores[a] as number) || a - b,
  );
  let sum = 0;
  for (let at = 0; at < weak.length; at++) sum += weak[at] as number;
  const curve = new Float64Array(order.length + 1);
  curve[0] = sum / order.length;
  order.forEach((place, index) => {
    sum += (strong[place] as number) - (weak[place] as number);
    curve[index + 1] = sum / order.length;
  });
  return curve;
}

/**
 * Average performance gap recovered (Ong et al. 2024, arXiv:2406.18665): the mean, over 11 shares of calls to the
 * strong model, of the share of its lead that is won; trapezium rule. About 0.5 for a random router.
 */
export function averageGapRecovered(
  scores: ArrayLike<number>,
  weak: ArrayLike<number>,
  strong: ArrayLike<number>,
): number {
  const curve = qualityByShare(scores, weak, strong);
  const lead = (curve.at(-1) as number) - (curve[0] as number);
  if (lead === 0) return Number.NaN;
  const recovered = Array.from({ length: 11 }, (_none, tenth) => {
    const at = Math.round((tenth / 10) * (curve.length - 1));
    return ((curve[at] as number) - (curve[0] as number)) / lead;
  });
  let area = 0;
  for (let at = 1; at < recovered.length; at++)
    area += ((recovered[at - 1] as number) + (recovered[at] as number)) / 2 / 10;
  return area;
}

/** Smallest share of calls to the strong model that wins `wanted` of its lead; NaN where none does. */
export function callShareFor(
  scores: ArrayLike<number>,
  weak: ArrayLike<number>,
  strong: ArrayLike<number>,
  wanted: number,
): number {
  const curve = qualityByShare(scores, weak, strong);
  const lead = (curve.at(-1) as number) - (curve[0] as number);
  const found = curve.findIndex((quality) => (quality - (curve[0] as number)) / lead >= wanted);
  return found < 0 ? Number.NaN : found / (curve.length - 1);
}

export interface Interval {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

/** Mean of paired differences with its 95 % bootstrap interval (percentiles of 2,000 seeded draws). */
export function pairedInterval(left: ArrayLike<number>, right: ArrayLike<number>, seed = 1, draws = 2000): Interval {
  const differences = Float64Array.from(left, (value, at) => value - (right[at] as number));
  const random = createRandom(seed);
  const means = new Float64Array(draws);
  for (let draw = 0; draw < draws; draw++) {
    let sum = 0;
    for (let at = 0; at < differences.length; at++)
      sum += differences[Math.floor(random() * differences.length)] as number;
    means[draw] = sum / differences.length;
  }
  means.sort();
  const mean = differences.reduce((sum, value) => sum + value, 0) / differences.length;
  return {
    mean,
    low: means[Math.floor(draws * 0.025)] as number,
    high: means[Math.ceil(draws * 0.975) - 1] as number,
  };
}
