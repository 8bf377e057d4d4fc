/** Medians, ratios and verdicts; nothing here measures. */

/** The smallest value that at least `share` of the values do not exceed; undefined when there are none. */
export function quantile(values, share) {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Median and range of the finite values; undefined when there are none. */
export function summary(values) {
  const finite = values.filter(Number.isFinite);
  if (finite.length === 0) return undefined;
  return { median: median(finite), min: Math.min(...finite), max: Math.max(...finite), count: finite.length };
}

/** The values of one measure (`test.field`) of one contestant, by repetition. */
function valuesOf(readings, contestant, measure) {
  const [test, field] = measure.split('.');
  const fitting = readings.filter((reading) => reading.contestant === contestant && reading.test === test);
  return new Map(fitting.map(({ repetition, values }) => [repetition, values[field]]));
}

/** A target with what was found: a value, or a ratio taken within each repetition. */
export function judge(target, readings, contestant = 'rutter') {
  const own = valuesOf(readings, contestant, target.measure);
  const other = target.of === undefined ? undefined : valuesOf(readings, target.of, target.measure);
  const values = [...own].map(([repetition, value]) => (other ? value / other.get(repetition) : value));
  const found = summary(values);
  if (found === undefined) return { ...target, found, verdict: 'not measured' };
  const isMet = found.median <= (target.atMost ?? Infinity) && found.median >= (target.atLeast ?? -Infinity);
  return { ...target, found, verdict: isMet ? 'met' : 'missed' };
}

const digits = (value) => (value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2));

const shown = (found) =>
  found === undefined ? '–' : `${digits(found.median)} (${digits(found.min)}–${digits(found.max)})`;

function table(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** One row a measure, one column a contestant. */
export function resultsTable(measures, readings, contestants) {
  const rows = measures.map(([measure, label]) => [
    label,
    ...contestants.map((name) => shown(summary([...valuesOf(readings, name, measure).values()]))),
  ]);
  return table(['', ...contestants], rows);
}

const bound = ({ atLeast, atMost, of }) =>
  `${atLeast === undefined ? '≤' : '≥'} ${atLeast ?? atMost}${of === undefined ? '' : ` × ${of}`}`;

export function targetsTable(judged, labels) {
  const rows = judged.map((one) => [labels.get(one.measure) ?? one.measure, bound(one), shown(one.found), one.verdict]);
  return table(['measure', 'target', 'found', 'verdict'], rows);
}
