/** Plots as SVG, without a script and without anything from elsewhere. */

export const escaped = (text: string): string => text.replace(/[&<>"']/g, (one) => `&#${one.charCodeAt(0)};`);

/** Colours that can be told apart, by those with weak colour vision too (Okabe and Ito 2008). */
const colours = [
  '#0072b2',
  '#d55e00',
  '#009e73',
  '#cc79a7',
  '#e69f00',
  '#56b4e9',
  '#7a5195',
  '#8c6d31',
  '#5f5f5f',
  '#b8860b',
];
export const colourOf = (index: number): string => colours[index % colours.length] as string;

interface Mark {
  readonly x: number;
  readonly y: number;
  readonly label?: string;
  /** Radius; 3 when absent. */
  readonly size?: number;
}

interface Series {
  readonly name: string;
  readonly colour: string;
  readonly marks: readonly Mark[];
  /** Points joined, or points alone. */
  readonly isLine: boolean;
}

export interface Plot {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly series: readonly Series[];
  readonly isLogX?: boolean;
  /** The line where y is x. */
  readonly hasDiagonal?: boolean;
  readonly formatX: (value: number) => string;
  readonly formatY: (value: number) => string;
  /** Instead of those of the values. */
  readonly bounds?: readonly [number, number];
}

const [width, height] = [760, 400];
const edge = { left: 64, right: 40, top: 12, bottom: 46 };
const inner = { width: width - edge.left - edge.right, height: height - edge.top - edge.bottom };

/** Some five round numbers between two. */
function ticksOf(from: number, to: number): number[] {
  const rough = (to - from) / 5;
  if (!(rough > 0)) return [from];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((one) => one * power >= rough) as number);
  const ticks: number[] = [];
  for (let at = Math.ceil(from / step); at * step <= to + step / 1e6; at++) ticks.push(at * step);
  return ticks;
}

function logTicks(from: number, to: number): number[] {
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(from)); power <= Math.ceil(Math.log10(to)); power++)
    for (const lead of [1, 2, 5])
      if (lead * 10 ** power >= from && lead * 10 ** power <= to) ticks.push(lead * 10 ** power);
  return ticks;
}

function boundsOf(values: readonly number[], given: Plot['bounds'], isLog: boolean): [number, number] {
  if (given) return [...given];
  const [from, to] = [Math.min(...values), Math.max(...values)];
  if (isLog) return [from / 1.15, to * 1.15];
  const pad = (to - from || Math.abs(to) || 1) * 0.06;
  return [from - pad, to + pad];
}

const n = (value: number) => value.toFixed(1);

interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

const letterWidth = 6.3;
const nameHeight = 12;

/** A name beside its point where no other stands yet; nowhere, when all round it is taken: the point still tells it. */
function nameAt(x: number, y: number, name: string, taken: Box[]): string {
  const length = name.length * letterWidth;
  for (const rise of [-5, 13, 4, -17, 25])
    for (const isLeft of [false, true]) {
      const left = isLeft ? x - 7 - length : x + 7;
      const box = { left, right: left + length, top: y + rise - nameHeight + 2, bottom: y + rise + 2 };
      if (left < edge.left || box.right > width || box.top < 0 || box.bottom > edge.top + inner.height) continue;
      if (
        taken.some(
          (other) =>
            box.left < other.right && box.right > other.left && box.top < other.bottom && box.bottom > other.top,
        )
      )
        continue;
      taken.push(box);
      return `<text class="name" x="${n(isLeft ? x - 7 : x + 7)}" y="${n(y + rise)}" text-anchor="${isLeft ? 'end' : 'start'}">${escaped(name)}</text>`;
    }
  return '';
}

/** Lines and points on two axes, with a legend below. */
export function plotOf(plot: Plot): string {
  const marks = plot.series.flatMap((series) => series.marks);
  const isLog = plot.isLogX === true && marks.every(({ x }) => x > 0);
  const [x0, x1] = boundsOf(
    marks.map((mark) => mark.x),
    plot.bounds,
    isLog,
  );
  const [y0, y1] = boundsOf(
    marks.map((mark) => mark.y),
    plot.bounds,
    false,
  );
  const scaled = (value: number) => (isLog ? Math.log(value / x0) / Math.log(x1 / x0) : (value - x0) / (x1 - x0));
  const px = (value: number) => edge.left + scaled(value) * inner.width;
  const py = (value: number) => edge.top + (1 - (value - y0) / (y1 - y0)) * inner.height;
  const bottom = edge.top + inner.height;
  const grid = [
    ...(isLog ? logTicks(x0, x1) : ticksOf(x0, x1)).map(
      (tick) =>
        `<line class="grid" x1="${n(px(tick))}" x2="${n(px(tick))}" y1="${edge.top}" y2="${bottom}"/><text x="${n(px(tick))}" y="${bottom + 18}" text-anchor="middle">${escaped(plot.formatX(tick))}</text>`,
    ),
    ...ticksOf(y0, y1).map(
      (tick) =>
        `<line class="grid" x1="${edge.left}" x2="${width - edge.right}" y1="${n(py(tick))}" y2="${n(py(tick))}"/><text x="${edge.left - 8}" y="${n(py(tick) + 4)}" text-anchor="end">${escaped(plot.formatY(tick))}</text>`,
    ),
  ];
  const diagonal = plot.hasDiagonal
    ? `<line class="diagonal" x1="${n(px(x0))}" y1="${n(py(x0))}" x2="${n(px(x1))}" y2="${n(py(x1))}"/>`
    : '';
  const taken: Box[] = [];
  const drawn = plot.series.map(({ colour, isLine, marks: own, name }) => {
    const path = isLine
      ? `<path d="${own.map(({ x, y }, at) => `${at === 0 ? 'M' : 'L'}${n(px(x))} ${n(py(y))}`).join('')}" fill="none" stroke="${colour}" stroke-width="2"/>`
      : '';
    const points = own.map(({ x, y, label, size = 3 }) => {
      const said = label === undefined ? name : `${name}: ${label}`;
      const point = `<circle cx="${n(px(x))}" cy="${n(py(y))}" r="${n(size)}" fill="${colour}"><title>${escaped(`${said} (${plot.formatX(x)}, ${plot.formatY(y)})`)}</title></circle>`;
      if (isLine || label === undefined) return point;
      return point + nameAt(px(x), py(y), label, taken);
    });
    return path + points.join('');
  });
  const legend = plot.series
    .map(({ name, colour }) => `<span><i style="background:${colour}"></i>${escaped(name)}</span>`)
    .join('');
  return `<figure><svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(plot.title)}">${grid.join('')}${diagonal}${drawn.join('')}<text class="axis" x="${edge.left + inner.width / 2}" y="${height - 6}" text-anchor="middle">${escaped(plot.xLabel)}</text><text class="axis" transform="translate(14 ${edge.top + inner.height / 2}) rotate(-90)" text-anchor="middle">${escaped(plot.yLabel)}</text></svg><figcaption>${legend}</figcaption></figure>`;
}

export interface Grid {
  readonly rows: readonly string[];
  readonly columns: readonly string[];
  /** By row, then column; NaN stays empty. */
  readonly values: readonly (readonly number[])[];
  readonly format: (value: number) => string;
  /** -1 to 1: how a cell is coloured, orange to blue. */
  readonly tone: (value: number, row: number) => number;
  readonly corner: string;
}

/** A table whose cells are coloured by value. */
export function gridOf({ rows, columns, values, format, tone, corner }: Grid): string {
  const cell = (value: number, row: number) => {
    if (Number.isNaN(value)) return '<td></td>';
    const strength = Math.max(-1, Math.min(1, tone(value, row)));
    const colour = strength >= 0 ? '0,114,178' : '213,94,0';
    return `<td style="background:rgba(${colour},${(0.55 * Math.abs(strength)).toFixed(2)})">${escaped(format(value))}</td>`;
  };
  const head = columns.map((name) => `<th scope="col"><div>${escaped(name)}</div></th>`).join('');
  const body = rows
    .map(
      (name, row) =>
        `<tr><th scope="row">${escaped(name)}</th>${(values[row] ?? []).map((value) => cell(value, row)).join('')}</tr>`,
    )
    .join('');
  return `<div class="scroll"><table class="grid"><thead><tr><td>${escaped(corner)}</td>${head}</tr></thead><tbody>${body}</tbody></table></div>`;
}
