/** The compatibility tables, filled in by what tests have found. */
import { sides } from './sides/index.ts';

interface Table {
  readonly title: string;
  readonly about: string;
  readonly first: string;
  readonly columns: readonly string[];
}

const tables = {
  chat: {
    title: 'Chat',
    about:
      'Each conversation is asked for as a whole reply and as a stream. `exact`: what the vendor is asked, told in its own words, is what the client asked, and text, tool calls with their ids, finish reason, reasoning and usage are what the model said. `native`, `tool` and `json` say by which way the model is held to a schema, as `x-rutter-structured-output` tells, whole and streamed where these differ. `400` is a refusal that names the parameter or the part, `–` what the vendor has no words for; numbers stand for the reasons below.',
    first: 'Conversation',
    columns: [...sides.map(({ title }) => title), 'Simulated'],
  },
  parameters: {
    title: 'Parameters of chat',
    about:
      'Nothing is lost in silence: a parameter is `passed` on as it is, or `translated` into the vendor’s own; one that the vendor cannot honour is refused by name (`400`), or dropped where the deployment has `drop_params: true`, which the header `x-rutter-translation` then tells; a hint that costs nothing to lose is left out and `told` by that header. Values that ask for nothing, such as `n: 1`, are never refused. `metadata` is the gateway’s own and goes to no vendor.',
    first: 'Parameter',
    columns: sides.map(({ title }) => title),
  },
  operations: {
    title: 'Other operations',
    about: '`400` stands for an error that says what the vendor does not offer.',
    first: 'Operation',
    columns: ['OpenAI', 'Anthropic', 'Simulated'],
  },
  failures: {
    title: 'Errors',
    about:
      'Status and error class of the SDK, the same for a whole reply and for a stream that has not begun. A stream that breaks later ends in one error event without `[DONE]`, which the SDK throws as `APIError`.',
    first: 'At the vendor',
    columns: ['every vendor'],
  },
  vendorFailures: {
    title: 'Errors of each vendor',
    about:
      'In the vendor’s own words, whole and streamed; the classes are those of the table above. A rate limit hands on `retry-after`. A failure in the middle of a stream ends it with one error after what was said; a client that leaves closes the call at the vendor within 100 ms. `a refusal`: the vendor tells it as a reply that ends in `content_filter`; `–`: it has no such error.',
    first: 'At the vendor',
    columns: sides.map(({ title }) => title),
  },
} as const satisfies Record<string, Table>;

const introduction = `# Compatibility

What the official OpenAI SDK is given by a gateway in front of each vendor. This page is written by the test that runs every row through a live gateway, and the test fails when the two differ.
`;

export class Matrix {
  readonly #notes = new Map<string, Set<string>>();
  readonly #cells = new Map<string, Map<string, Map<string, Set<string>>>>();

  /** Several notes of one cell are joined. */
  note(table: keyof typeof tables, row: string, column: string, found: string): void {
    const rows = entry(this.#cells, table, () => new Map<string, Map<string, Set<string>>>());
    entry(
      entry(rows, row, () => new Map<string, Set<string>>()),
      column,
      () => new Set<string>(),
    ).add(found);
  }

  /** A footnote of a cell. */
  explain(table: keyof typeof tables, row: string, column: string, why: string): void {
    entry(this.#notes, `${table}|${row}|${column}`, () => new Set<string>()).add(why);
  }

  text(): string {
    const sections = Object.entries(tables).map(([name, { title, about, first, columns }]) => {
      const reasons: string[] = [];
      const lines = [...(this.#cells.get(name) ?? [])].map(([row, cells]) =>
        lineOf([
          row,
          ...columns.map(
            (column) =>
              [...(cells.get(column) ?? ['no'])].join(', ') + this.#marks(`${name}|${row}|${column}`, reasons),
          ),
        ]),
      );
      const head = [lineOf([first, ...columns]), lineOf([first, ...columns].map(() => '-'))];
      const notes = reasons.map((why, index) => `${index + 1}. ${why}`);
      return [`## ${title}`, '', about, '', ...head, ...lines, '', ...notes, ...(notes.length > 0 ? [''] : [])].join(
        '\n',
      );
    });
    return [introduction, ...sections].join('\n');
  }

  /** The numbers of a cell's reasons in the list below its table. */
  #marks(cell: string, reasons: string[]): string {
    const numbers = [...(this.#notes.get(cell) ?? [])].map((why) => {
      if (!reasons.includes(why)) reasons.push(why);
      return reasons.indexOf(why) + 1;
    });
    return numbers.length > 0 ? ` (${numbers.toSorted((a, b) => a - b).join(', ')})` : '';
  }
}

const lineOf = (cells: readonly string[]) => `|${cells.join('|')}|`;

function entry<T>(map: Map<string, T>, key: string, make: () => T): T {
  const found = map.get(key) ?? make();
  map.set(key, found);
  return found;
}
