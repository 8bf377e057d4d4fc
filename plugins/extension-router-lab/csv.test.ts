import { describe, expect, it } from 'vitest';
import { readCsv, readCsvRows } from './csv.ts';

const cells = (text: string) => [...readCsv(text, 'x.csv')].map((record) => record.cells);
const rows = (text: string) => [...readCsvRows(text, 'x.csv')];

describe('CSV', () => {
  it.each([
    [
      'a,b\r\nc,d\r\n',
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
    ],
    [
      'a,b\nc,d',
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
    ],
    ['\ufeffa,"b, ""c""\nd"\n', [['a', 'b, "c"\nd']]],
    [
      'a,\n,b\n,',
      [
        ['a', ''],
        ['', 'b'],
        ['', ''],
      ],
    ],
    [
      '"",x\n\n\ny,z',
      [
        ['', 'x'],
        ['y', 'z'],
      ],
    ],
    ['', []],
  ])('%j is read as it is meant', (text, expected) => {
    expect(cells(text)).toEqual(expected);
  });

  it('tells the line a record begins with, line feeds in cells counted', () => {
    expect([...readCsv('a\n"b\nb\nb"\nc\n', 'x.csv')].map(({ line }) => line)).toEqual([1, 2, 5]);
  });

  it.each([
    ['a\n"b', 'x.csv, line 2: a quoted cell has no end'],
    ['a\n"b"c,d', 'x.csv, line 2: found "c" after a quoted cell'],
  ])('%j is refused with the line', (text, message) => {
    expect(() => cells(text)).toThrow(message);
  });
});

describe('outcomes in CSV', () => {
  it('may have the names of our lines', () => {
    expect(rows('query_id,query,model,performance,cost\nq1,"Why, oh why?",m,0.5,\n')).toEqual([
      { where: 'x.csv, line 2', fields: { query_id: 'q1', query: 'Why, oh why?', model: 'm', performance: 0.5 } },
    ]);
  });

  it('may be RouterBench’s, with scores of any writing and what is missing left out', () => {
    const text = [
      'sample_id,prompt,eval_name,small,large,small|model_response,small|total_cost,large|total_cost,oracle_model_to_route_to',
      `a.1,"['What\\nis \\'it\\'?']",arc,True,0.25,said,0.001,0.02,small`,
      'a.2,plain,arc,,0,,,,large',
    ].join('\n');
    expect(rows(text).map(({ fields }) => fields)).toEqual([
      { query_id: 'a.1', query: "What\nis 'it'?", task: 'arc', model: 'small', performance: 1, cost: 0.001 },
      { query_id: 'a.1', query: "What\nis 'it'?", task: 'arc', model: 'large', performance: 0.25, cost: 0.02 },
      { query_id: 'a.2', query: 'plain', task: 'arc', model: 'large', performance: 0 },
    ]);
  });

  it.each([
    ['', 'x.csv is empty'],
    ['a,b\nc\n', 'x.csv, line 2 has 1 cells; expected 2'],
  ])('%j is refused', (text, message) => {
    expect(() => rows(text)).toThrow(message);
  });
});
