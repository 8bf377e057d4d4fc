/** What was measured, as one HTML page that needs nothing from elsewhere. */
import { meansByModel } from '@rutter/plugin-sdk/learning';
import type { LabData } from './data.ts';
import type { Measured } from './evaluate.ts';
import { bestOf, withoutGaps } from './measure.ts';
import { colourOf, escaped, gridOf, plotOf } from './plots.ts';

export interface ReportInput {
  readonly all: readonly Measured[];
  readonly data: LabData;
  readonly source: string;
  readonly costWeight: number;
  readonly embedder: string;
}

const mostTasks = 30;
const mostModels = 16;

const percent = (value: number) => `${(100 * value).toFixed(1)} %`;
const points = (value: number) => `${value >= 0 ? '+' : '−'}${Math.abs(100 * value).toFixed(1)}`;
/** US dollars of a thousand calls. */
const perThousand = (value: number) => `$${Number((1_000 * value).toPrecision(3))}`;

const style = `
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, 'DejaVu Sans', sans-serif; color: #1c2733; background: #fff; max-width: 1120px; margin: 2rem auto; padding: 0 1.25rem; }
h1 { font-size: 1.6rem; margin-bottom: .2rem; } h2 { font-size: 1.15rem; margin: 2.4rem 0 .3rem; } h3 { font-size: 1rem; margin: 1.4rem 0 .3rem; }
p { margin: .3rem 0 .8rem; } .about { color: #51606f; } figure { margin: 0; }
table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; }
table.sum { width: 100%; font-size: .84rem; } table.sum td { white-space: nowrap; } th, td { padding: .3rem .55rem; text-align: right; border-bottom: 1px solid #e3e8ee; } th:first-child, td:first-child { text-align: left; }
thead th { color: #51606f; font-weight: 600; } th[scope=row] { font-weight: 500; white-space: nowrap; }
table.grid td { text-align: center; border: 1px solid #fff; min-width: 2.6rem; } table.grid thead td { text-align: left; color: #51606f; }
table.grid thead th { vertical-align: bottom; padding: .2rem; border: 0; } table.grid thead div { writing-mode: vertical-rl; transform: rotate(180deg); max-height: 14rem; text-align: left; font-weight: 500; }
.scroll { overflow-x: auto; } svg { width: 100%; height: auto; background: #fbfcfd; border: 1px solid #e3e8ee; border-radius: 6px; }
svg text { font: 12px system-ui, 'DejaVu Sans', sans-serif; fill: #51606f; } svg text.name { font-size: 11px; fill: #1c2733; } svg text.axis { font-size: 12.5px; fill: #1c2733; }
svg line.grid { stroke: #e3e8ee; } svg line.diagonal { stroke: #9aa7b4; stroke-dasharray: 5 4; }
figcaption { display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; font-size: .86rem; margin-top: .35rem; } figcaption i { display: inline-block; width: .8rem; height: .8rem; border-radius: 2px; margin-right: .35rem; vertical-align: -1px; }
.two { display: grid; grid-template-columns: repeat(auto-fit, minmax(420px, 1fr)); gap: 1rem; }
`;

const section = (title: string, about: string, content: string) =>
  `<section><h2>${escaped(title)}</h2><p class="about">${escaped(about)}</p>${content}</section>`;

function summary({ all }: ReportInput): string {
  const head = [
    'strategy',
    'quality',
    'gain (95 %)',
    'gap to oracle',
    'moved',
    'cost',
    'AIQ',
    'APGR',
    'CPT 50 / 80 %',
    'typos',
    'other words',
    'decision p50 / p99',
  ];
  const rows = all.map(({ result }) => {
    const { gain, robustness, decisionUs } = result;
    const cells = [
      ...[
        result.strategy,
        percent(result.quality),
        `${points(gain.mean)} (${points(gain.low)} to ${points(gain.high)})`,
      ],
      ...[points(result.gapToOracle).slice(1), percent(result.moved)],
      result.meanCostUsd === undefined ? '' : perThousand(result.meanCostUsd),
      ...[result.aiq?.toFixed(4) ?? '', result.apgr?.toFixed(3) ?? ''],
      result.cpt50 === undefined ? '' : `${percent(result.cpt50)} / ${percent(result.cpt80 ?? Number.NaN)}`,
      ...[robustness?.typos, robustness?.wording].map((one) => (one ? percent(one.same) : '')),
      `${decisionUs.p50.toFixed(0)} / ${decisionUs.p99.toFixed(0)} µs`,
    ];
    return `<tr>${cells.map((cell, at) => (at === 0 ? `<th scope="row">${escaped(cell)}</th>` : `<td>${escaped(cell)}</td>`)).join('')}</tr>`;
  });
  return `<div class="scroll"><table class="sum"><thead><tr>${head.map((name) => `<th scope="col">${escaped(name)}</th>`).join('')}</tr></thead><tbody>${rows.join('')}</tbody></table></div>`;
}

function curves({ all, data: { outcomes } }: ReportInput): string {
  const routed = all.filter(({ result }) => result.curve !== undefined);
  if (routed.length === 0) return '';
  const whole = withoutGaps(outcomes);
  const [costs, means] = [
    meansByModel(whole.cost, outcomes.models.length),
    meansByModel(whole.quality, outcomes.models.length),
  ];
  const singles = outcomes.models.flatMap((label, model) => {
    const [x, y] = [costs[model] as number, means[model] as number];
    return Number.isNaN(x) ? [] : [{ x, y, label, size: 4 }];
  });
  const series = routed.map(({ result }, at) => ({
    ...{ name: result.strategy, colour: colourOf(at), isLine: true },
    marks: [...(result.curve ?? [])]
      .sort((a, b) => a.cost - b.cost)
      .map(({ cost, quality }) => ({ x: cost, y: quality })),
  }));
  const plot = plotOf({
    ...{
      title: 'Cost and quality',
      xLabel: 'US dollars a thousand calls (logarithmic)',
      yLabel: 'mean quality',
      isLogX: true,
    },
    series: [...series, { name: 'a single model', colour: '#5f6b77', isLine: false, marks: singles }],
    formatX: perThousand,
    formatY: percent,
  });
  return section(
    'Cost and quality',
    'Each line is one strategy at 37 weights of cost, from quality alone to cost alone; the points are single models. Up and to the left is better.',
    plot,
  );
}

function calibration({ all }: ReportInput): string {
  const most = Math.max(...all.flatMap(({ result }) => result.calibration.bins.map(({ count }) => count)));
  const plot = plotOf({
    ...{
      title: 'Calibration',
      xLabel: 'expected quality',
      yLabel: 'quality that came',
      hasDiagonal: true,
      bounds: [0, 1],
    },
    series: all.map(({ result }, at) => ({
      name: `${result.strategy} (error ${percent(result.calibration.error)})`,
      ...{ colour: colourOf(at), isLine: true },
      marks: result.calibration.bins.map(({ expected, found, count }) => ({
        ...{ x: expected, y: found, label: `${count} answers`, size: 2.5 + 4.5 * Math.sqrt(count / most) },
      })),
    })),
    formatX: percent,
    formatY: percent,
  });
  return section(
    'Calibration',
    'Answers in tenths of the quality that was expected of them, and the quality that came. On the dashed line expectations come true; below it they were too high. Larger points stand for more answers.',
    plot,
  );
}

/** Models that were chosen or best most often. */
function shownModels(counts: readonly (readonly number[])[]): number[] {
  const weight = counts.map(
    (row, model) =>
      row.reduce((sum, value) => sum + value, 0) + counts.reduce((sum, other) => sum + (other[model] as number), 0),
  );
  return [...weight.keys()]
    .filter((model) => (weight[model] as number) > 0)
    .sort((a, b) => (weight[b] as number) - (weight[a] as number))
    .slice(0, mostModels);
}

/** How often each model was best (equals: the one that was chosen, else the first), by the model that was chosen. */
function confusionOf({ own, loaded }: Measured, { outcomes }: LabData): number[][] {
  const width = outcomes.models.length;
  const { quality } = withoutGaps(outcomes);
  const counts = outcomes.models.map(() => new Array<number>(width).fill(0));
  own.picks.forEach(({ model }, row) => {
    const values = quality.subarray(row * width, (row + 1) * width);
    const chosen = loaded.places[model] as number;
    const highest = Math.max(...values);
    const best = values[chosen] === highest ? chosen : values.indexOf(highest);
    const line = counts[best] as number[];
    line[chosen] = (line[chosen] as number) + 1;
  });
  return counts;
}

function confusion({ all, data }: ReportInput): string {
  const grids = all.map((one) => {
    const counts = confusionOf(one, data);
    const shown = shownModels(counts);
    const names = shown.map((model) => data.outcomes.models[model] as string);
    const values = shown.map((best) => shown.map((chosen) => counts[best]?.[chosen] ?? 0));
    const grid = gridOf({
      ...{
        rows: names,
        columns: names,
        values,
        corner: 'best ↓ chosen →',
        format: (value: number) => (value === 0 ? '' : String(value)),
      },
      tone: (value, row) => value / Math.max(1, ...(values[row] ?? [])),
    });
    return `<h3>${escaped(one.result.strategy)}</h3>${grid}`;
  });
  return section(
    'Confusion',
    'Rows: the model whose answer was best, where several were equally good the chosen one. Columns: the model that was chosen. The diagonal is right.',
    grids.join(''),
  );
}

/** Mean quality over the best single model, by task. */
function winsOf({ own, loaded }: Measured, { outcomes }: LabData, rows: readonly number[]): number {
  const width = outcomes.models.length;
  const { quality } = withoutGaps(outcomes);
  const single = bestOf(loaded, meansByModel(quality, width));
  return (
    rows.reduce((sum, row) => sum + (own.quality[row] as number) - (quality[row * width + single] as number), 0) /
    rows.length
  );
}

function wins(input: ReportInput): string {
  const { all, data } = input;
  const byTask = [...Map.groupBy(data.outcomes.questions.keys(), (row) => data.outcomes.questions[row]?.task || 'all')]
    .sort(([, a], [, b]) => b.length - a.length)
    .slice(0, mostTasks);
  const values = byTask.map(([, rows]) => all.map((one) => winsOf(one, data, rows)));
  const most = Math.max(0.02, ...values.flat().map(Math.abs));
  const grid = gridOf({
    rows: byTask.map(([task, rows]) => `${task} (${rows.length})`),
    columns: all.map(({ result }) => result.strategy),
    ...{ values, corner: 'task (questions)', format: points },
    tone: (value) => value / most,
  });
  return section(
    'Where each strategy wins',
    'Points of quality over the best single model, task by task, the largest tasks first. Blue is above, orange below.',
    grid,
  );
}

/** A whole page; strategies best first. */
export function reportOf(input: ReportInput): string {
  const all = [...input.all].sort((a, b) => b.result.quality - a.result.quality);
  const sorted = { ...input, all };
  const { result } = all[0] as Measured;
  const about = `${result.questions} questions, ${input.data.outcomes.models.length} models, from ${input.source} (SHA-256 ${input.data.sha256.slice(0, 16)}…); embedder ${input.embedder}; cost weight ${input.costWeight}. Best single model: ${result.bestSingle.model} with ${percent(result.bestSingle.quality ?? Number.NaN)}; the best answer to each question: ${percent(result.oracle)}; a model by chance: ${percent(result.random)}.`;
  const steady =
    'Gain over the best single model with its paired 95 % bootstrap interval, in points. Typos and other words: share of the choices that stand when a question is asked so. Decision: from the words and their vector to the order of models.';
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Routing, measured</title><style>${style}</style></head>
<body><h1>Routing, measured</h1><p class="about">${escaped(about)}</p>
${section('All strategies', steady, summary(sorted))}
${curves(sorted)}
${calibration(sorted)}
${wins(sorted)}
${confusion(sorted)}
</body></html>
`;
}
