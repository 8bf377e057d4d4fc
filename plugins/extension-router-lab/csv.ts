/**
 * Outcomes from CSV (RFC 4180): one a row with the names of our JSONL, or
 * RouterBench's tables (Hu et al. 2024, arXiv:2403.12031), one question a row
 * and for each model the columns MODEL and MODEL|total_cost.
 */
import { RutterError } from '@rutter/plugin-sdk';

interface CsvRecord {
  readonly cells: readonly string[];
  /** Of its first line, from 1. */
  readonly line: number;
}

const mostColumns = 10_000;

export function* readCsv(text: string, name: string): Generator<CsvRecord> {
  const start = text.charCodeAt(0) === 0xfeff ? 1 : 0;
  let cells: string[] = [];
  let line = 1;
  let first = 1;
  for (let at = start; at < text.length; ) {
    let cell: string;
    if (text[at] === '"') {
      const { value, end, lines } = quoted(text, at, `${name}, line ${line}`);
      cell = value;
      at = end;
      line += lines;
    } else {
      const end = plainEnd(text, at);
      cell = text.slice(at, end);
      at = end;
    }
    cells.push(cell);
    if (cells.length > mostColumns)
      throw new RutterError('ERR_CONFIG_INVALID', `${name}, line ${first}: more than ${mostColumns} columns.`);
    if (text[at] === ',') {
      at++;
      // A comma at the very end has an empty cell behind it.
      if (at === text.length) cells.push('');
      if (at < text.length) continue;
    }
    if (text[at] === '\r') at++;
    if (text[at] === '\n') at++;
    else if (at < text.length && text[at - 1] !== '\r')
      throw new RutterError(
        'ERR_CONFIG_INVALID',
        `${name}, line ${line}: found ${JSON.stringify(text[at])} after a quoted cell; expected a comma or the end of the line.`,
      );
    line++;
    if (cells.length > 1 || cells[0] !== '') yield { cells, line: first };
    cells = [];
    first = line;
  }
}

function plainEnd(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 44 || code === 10 || code === 13) return at;
  }
  return text.length;
}

function quoted(text: string, from: number, where: string) {
  let value = '';
  for (let at = from + 1; ; ) {
    const end = text.indexOf('"', at);
    if (end < 0) throw new RutterError('ERR_CONFIG_INVALID', `${where}: a quoted cell has no end.`);
    value += text.slice(at, end);
    if (text[end + 1] !== '"') return { value, end: end + 1, lines: value.split('\n').length - 1 };
    value += '"';
    at = end + 2;
  }
}

interface Fields {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly where: string;
}

const costEnding = '|total_cost';
const numeric = new Set([
  ...['performance', 'cost', 'input_tokens', 'prompt_tokens', 'output_tokens', 'completion_tokens', 'token_num'],
]);

/** Rows as our JSONL has them. Throws ERR_CONFIG_INVALID with the line. */
export function* readCsvRows(text: string, name: string): Generator<Fields> {
  const records = readCsv(text, name);
  const head = records.next();
  if (head.done)
    throw new RutterError('ERR_CONFIG_INVALID', `${name} is empty; expected a line of names and outcomes.`);
  const names = head.value.cells;
  const columns = new Map(names.map((column, at) => [column, at]));
  const models = names.filter((column) => columns.has(column + costEnding));
  for (const { cells, line } of records) {
    const where = `${name}, line ${line}`;
    if (cells.length !== names.length)
      throw new RutterError('ERR_CONFIG_INVALID', `${where} has ${cells.length} cells; expected ${names.length}.`);
    if (models.length > 0) yield* benchRows({ columns, models, cells, where });
    else yield { fields: longRow(names, cells), where };
  }
}

const longRow = (names: readonly string[], cells: readonly string[]) =>
  Object.fromEntries(
    names.flatMap((name, at): [string, unknown][] => {
      const cell = cells[at] as string;
      if (cell === '') return [];
      return [[name, numeric.has(name) ? Number(cell) : cell]];
    }),
  );

interface BenchRow {
  readonly columns: ReadonlyMap<string, number>;
  readonly models: readonly string[];
  readonly cells: readonly string[];
  readonly where: string;
}

/** Prompts are lists of one text there, as Python prints them. */
function promptOf(cell: string): string {
  const found = /^\[\s*(['"])([\s\S]*)\1\s*\]$/.exec(cell);
  if (!found) return cell;
  const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r' };
  return (found[2] as string).replace(/\\([\s\S])/g, (_all, one: string) => escapes[one] ?? one);
}

function* benchRows({ columns, models, cells, where }: BenchRow): Generator<Fields> {
  const cell = (column: string) => {
    const at = columns.get(column);
    return at === undefined ? undefined : cells[at];
  };
  const query = cell('prompt');
  for (const model of models) {
    const said = cell(model) as string;
    // Nobody knows how it would have done.
    if (said.trim() === '') continue;
    const score = { true: 1, false: 0 }[said.trim().toLowerCase()] ?? Number(said);
    const cost = Number(cell(model + costEnding) || Number.NaN);
    yield {
      where: `${where}, column ${model}`,
      fields: {
        ...{ query_id: cell('sample_id'), query: query === undefined ? undefined : promptOf(query) },
        ...{ task: cell('eval_name') ?? '', model, performance: score },
        ...(Number.isNaN(cost) ? {} : { cost }),
      },
    };
  }
}
