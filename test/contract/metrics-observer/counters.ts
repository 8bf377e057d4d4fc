/** Named counts with labels, in the text format of Prometheus. */

/** Most series of one name; what comes beyond is counted together. */
const mostSeries = 500;

export type Labels = Readonly<Record<string, string>>;

export class Counters {
  readonly #byName = new Map<string, Map<string, number>>();

  add(name: string, labels: Labels, by = 1): void {
    const series = this.#byName.get(name) ?? new Map<string, number>();
    this.#byName.set(name, series);
    const own = written(labels);
    const key = series.has(own) || series.size < mostSeries ? own : written(overflowing(labels));
    series.set(key, (series.get(key) ?? 0) + by);
  }

  text(prefix: string, help: Labels): string {
    const lines: string[] = [];
    for (const [name, series] of [...this.#byName].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const full = `${prefix}_${name}`;
      lines.push(`# HELP ${full} ${help[name] ?? ''}`.trimEnd(), `# TYPE ${full} counter`);
      for (const [labels, value] of series) lines.push(`${full}${labels} ${value}`);
    }
    return `${lines.join('\n')}\n`;
  }
}

const overflowing = (labels: Labels): Labels => Object.fromEntries(Object.keys(labels).map((name) => [name, 'other']));

function written(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

const escapes: Labels = { '\\': '\\\\', '"': '\\"', '\n': '\\n' };

const escaped = (value: string): string => value.replace(/[\\"\n]/g, (found) => escapes[found] as string);
