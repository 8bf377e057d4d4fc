/**
 * What every store must hold to: one ordered writer, rows kept exactly,
 * migrations applied once and whole, and bounds that show.
 */
import type { SqlValue, Store } from '../contract/services.ts';
import {
  expect,
  expectEqual,
  expectError,
  type Report,
  runSuite,
  type Subject,
  type Suite,
  type SuiteOptions,
  show,
} from './report.ts';

export interface StoreOptions extends SuiteOptions {
  /** Real milliseconds until an appended row has to be durable; 50 and some patience, 150, when absent. */
  readonly durableMs?: number;
  /** Most rows of 1 KiB to append at once before the store has to refuse one; 120,000 when absent. */
  readonly floodRows?: number;
  /** A query that runs past the statement deadline of the configuration; the check is left out when absent. */
  readonly slowQuery?: string;
  /** False where the records end with the instance; true when absent. */
  readonly survivesRestart?: boolean;
}

interface Bench {
  readonly suite: Suite<'store'>;
  readonly options: StoreOptions;
  /** A store and the name of a table of its own, made by the given columns. */
  table(
    columns?: string,
  ): Promise<{ readonly store: Store & { dispose?(): void | Promise<void> }; readonly name: string }>;
}

/** Checks a store's definition, or instances that a function makes. They may all use one database. */
export function checkStore(subject: Subject<'store'>, options: StoreOptions = {}): Promise<Report> {
  return runSuite('store', { subject, options }, async (suite) => {
    const run = Math.random().toString(36).slice(2, 10);
    let tables = 0;
    const bench: Bench = {
      suite,
      options,
      async table(columns = 'place INTEGER, word TEXT') {
        const { instance } = await suite.start();
        const name = `check_${run}_${++tables}`;
        await instance.migrate(name, [{ id: '0001', sql: `CREATE TABLE ${name} (${columns})` }]);
        return { store: instance, name };
      },
    };
    await checkMigrations(bench);
    await checkExactness(bench);
    await checkOrder(bench);
    await checkDurability(bench);
    await checkBounds(bench);
    await checkRefusals(bench);
  });
}

async function checkMigrations({ suite, table }: Bench): Promise<void> {
  await suite.check('names its flavour', async () => {
    const { instance } = await suite.start();
    expect(['sqlite', 'postgres'].includes(instance.flavour), () => `flavour is ${show(instance.flavour)}`);
  });
  await suite.check('applies each step once, in order of id', async () => {
    const { store, name } = await table();
    const steps = [
      { id: '0003', sql: `UPDATE ${name} SET word = 'third' WHERE word = 'second'` },
      { id: '0002', sql: `INSERT INTO ${name} (place, word) VALUES (1, 'second')` },
    ];
    await store.migrate(name, steps);
    await store.migrate(name, steps);
    await Promise.all([store.migrate(name, steps), store.migrate(name, steps)]);
    expectEqual(await rows(store, name), [{ place: 1, word: 'third' }], 'the table');
  });
  await suite.check('keeps the steps of namespaces apart', async () => {
    const { store, name } = await table();
    const step = { id: '0009', sql: `INSERT INTO ${name} (place, word) VALUES (1, 'x')` };
    await store.migrate(`${name}_a`, [step]);
    await store.migrate(`${name}_b`, [step]);
    expectEqual((await rows(store, name)).length, 2, 'the number of rows');
  });
  await suite.check('runs every statement of a step', async () => {
    const { store, name } = await table();
    const sql = `INSERT INTO ${name} (place, word) VALUES (1, 'a;b');\nINSERT INTO ${name} (place, word) VALUES (2, 'c');\n`;
    await store.migrate(name, [{ id: '0002', sql }]);
    expectEqual(
      await rows(store, name),
      [
        { place: 1, word: 'a;b' },
        { place: 2, word: 'c' },
      ],
      'the table',
    );
  });
  await suite.check('applies a step that fails not at all, and again when it has been corrected', async () => {
    const { store, name } = await table();
    const insert = `INSERT INTO ${name} (place, word) VALUES (1, 'a')`;
    await expectError(
      () => store.migrate(name, [{ id: '0002', sql: `${insert};\nINSERT INTO no_such_table VALUES (1)` }]),
      'a broken step',
    );
    expectEqual(await rows(store, name), [], 'the table after a broken step');
    await store.migrate(name, [{ id: '0002', sql: insert }]);
    expectEqual((await rows(store, name)).length, 1, 'the number of rows');
  });
}

const rows = (store: Store, table: string, where = '1 = 1', values: readonly SqlValue[] = []) =>
  store.query(`SELECT * FROM ${table} WHERE ${where} ORDER BY place`, values);

const max = Number.MAX_SAFE_INTEGER;
const texts = [
  '',
  ' ',
  'plain',
  "O'Brien",
  '"quoted"',
  "'); DROP TABLE users; --",
  'a ? b',
  'naïve 🧭 日本',
  'line\nbreak\ttab\\',
  '007',
  '1e3',
  'null',
  'x'.repeat(100_000),
];
const integers = [0, 1, -1, 2 ** 31, -(2 ** 31), 2 ** 32 + 1, 2 ** 51 + 1, max, -max];
const reals = [0.1, -2.5, 1 / 3, 1e-300, 1.7976931348623157e308, 1e21, 123456789.12345679];

async function checkExactness({ suite, table }: Bench): Promise<void> {
  const columns = 'place INTEGER, number BIGINT, fraction DOUBLE PRECISION, word TEXT';
  const samples: SqlValue[][] = [
    ...texts.map((word) => [null, null, word]),
    ...integers.map((number) => [number, null, null]),
    ...reals.map((fraction) => [null, fraction, null]),
  ].map((values, place) => [place, ...values]);
  const names = ['place', 'number', 'fraction', 'word'];
  const expected = samples.map((values) => Object.fromEntries(names.map((name, index) => [name, values[index]])));

  await suite.check('keeps null, texts and numbers exactly, however they are written', async () => {
    const { store, name } = await table(columns);
    for (const values of samples) expectEqual(store.append(name, names, values), true, 'the result of append');
    await store.flush();
    expectEqual(await rows(store, name), expected, 'what was appended');
    await store.run(`DELETE FROM ${name}`);
    for (const values of samples) await store.run(`INSERT INTO ${name} (${names}) VALUES (?, ?, ?, ?)`, values);
    expectEqual(await rows(store, name), expected, 'what was inserted');
  });
  await suite.check('finds rows by their values, and leaves a question mark inside quotes alone', async () => {
    const { store, name } = await table(columns);
    for (const values of samples) store.append(name, names, values);
    await store.flush();
    for (const [place, number, , word] of samples) {
      if (number !== null && number !== undefined)
        expectEqual((await rows(store, name, 'number = ?', [number])).length, 1, `rows of ${number}`);
      if (typeof word === 'string')
        expectEqual((await rows(store, name, 'word = ?', [word]))[0]?.place, place, `the row of ${show(word)}`);
    }
    expectEqual(
      (await rows(store, name, "word = 'a ? b' AND place < ?", [max])).length,
      1,
      'rows of a quoted question mark',
    );
  });
  await suite.check('sums integers exactly', async () => {
    const { store, name } = await table(columns);
    for (const amount of [max - 3, 1, 1]) store.append(name, names, [0, amount, null, null]);
    await store.flush();
    const [row] = await store.query(`SELECT CAST(SUM(number) AS BIGINT) AS total FROM ${name}`);
    expectEqual(row, { total: max - 1 }, 'the sum');
  });
}

async function checkOrder({ suite, table }: Bench): Promise<void> {
  await suite.check('writes in the order of the calls, rows and statements alike', async () => {
    const { store, name } = await table('place INTEGER, seen INTEGER');
    const runs: Promise<{ changes: number }>[] = [];
    for (let place = 0; place < 60; place++) {
      store.append(name, ['place', 'seen'], [place, 0]);
      runs.push(store.run(`UPDATE ${name} SET seen = seen + 1`));
    }
    const changes = (await Promise.all(runs)).map((result) => result.changes);
    expectEqual(
      changes,
      Array.from({ length: 60 }, (_, index) => index + 1),
      'the rows each statement changed',
    );
    const seen = (await rows(store, name)).map((row) => row.seen);
    expectEqual(
      seen,
      Array.from({ length: 60 }, (_, index) => 60 - index),
      'how many statements each row met',
    );
  });
  await suite.check('keeps what was appended from changing with the caller’s array', async () => {
    const { store, name } = await table();
    const values: SqlValue[] = [1, 'before'];
    store.append(name, ['place', 'word'], values);
    values[1] = 'after';
    await store.flush();
    expectEqual(await rows(store, name), [{ place: 1, word: 'before' }], 'the table');
  });
}

async function checkDurability({ suite, table, options }: Bench): Promise<void> {
  const count = async (store: Store, name: string) => (await store.query(`SELECT COUNT(*) AS n FROM ${name}`))[0]?.n;

  await suite.check('has written everything appended when flush resolves', async () => {
    const { store, name } = await table();
    for (let place = 0; place < 5_000; place++) store.append(name, ['place', 'word'], [place, 'w']);
    await store.flush();
    expectEqual(await count(store, name), 5_000, 'the number of rows');
    await store.flush();
  });
  await suite.check('writes what was appended without being asked to', async () => {
    const { store, name } = await table();
    store.append(name, ['place', 'word'], [1, 'w']);
    await new Promise((resolve) => setTimeout(resolve, options.durableMs ?? 150));
    expectEqual(await count(store, name), 1, 'the number of rows');
  });
  if (options.survivesRestart === false) return;
  await suite.check('still has its rows and its migrations after a restart', async () => {
    const { store, name } = await table();
    for (let place = 0; place < 100; place++) store.append(name, ['place', 'word'], [place, 'w']);
    await store.dispose?.();
    const { instance } = await suite.start();
    expectEqual(await count(instance, name), 100, 'the number of rows');
    await instance.migrate(name, [{ id: '0001', sql: 'SELECT this fails when it is run again' }]);
  });
}

async function checkBounds({ suite, table, options }: Bench): Promise<void> {
  await suite.check('refuses a row when its queue is full, and writes all it took', async () => {
    const { store, name } = await table();
    const most = options.floodRows ?? 120_000;
    const word = 'x'.repeat(1_024);
    let taken = 0;
    while (taken < most && store.append(name, ['place', 'word'], [taken, word])) taken++;
    expect(taken < most, () => `it took ${most} rows of 1 KiB at once and refused none`);
    expect(taken > 0, () => 'it took none');
    await store.flush();
    expectEqual((await store.query(`SELECT COUNT(*) AS n FROM ${name}`))[0]?.n, taken, 'the number of rows');
    expectEqual(
      store.append(name, ['place', 'word'], [taken, 'again']),
      true,
      'the result of append once the queue is empty',
    );
  });
  const { slowQuery } = options;
  if (slowQuery === undefined) return;
  await suite.check('ends a query at its deadline, and answers the next one', async () => {
    const { store, name } = await table();
    await expectError(() => store.query(slowQuery), 'a query past its deadline');
    expectEqual(await rows(store, name), [], 'the answer to the next query');
  });
}

async function checkRefusals({ suite, table }: Bench): Promise<void> {
  await suite.check('refuses a broken statement with a RutterError that does not tell its values', async () => {
    const { store, name } = await table();
    const secret = 'value-nobody-should-see';
    const errors = [
      await expectError(
        () => store.query(`SELECT nothing FROM ${name} WHERE word = ?`, [secret]),
        'a query of a missing column',
      ),
      await expectError(
        () => store.run(`INSERT INTO ${name}_missing (word) VALUES (?)`, [secret]),
        'a statement on a missing table',
      ),
    ];
    for (const { message } of errors) expect(!message.includes(secret), () => `the message tells a value: ${message}`);
    expectEqual(await rows(store, name), [], 'the answer to a sound query afterwards');
  });
  await suite.check('loses only the row that is at fault', async () => {
    const { store, name } = await table('place INTEGER PRIMARY KEY, word TEXT NOT NULL');
    for (const [place, word] of [
      [1, 'a'],
      [1, 'twice'],
      [2, null],
      [3, 'c'],
    ] as const)
      store.append(name, ['place', 'word'], [place, word]);
    store.append(`${name}_missing`, ['place'], [1]);
    store.append(name, ['place', 'word'], [4, 'd']);
    await store.flush();
    expectEqual(
      (await rows(store, name)).map((row) => row.place),
      [1, 3, 4],
      'the rows kept',
    );
  });
  await suite.check('refuses a value it could not keep exactly', async () => {
    const { store, name } = await table();
    for (const odd of [Number.NaN, Number.POSITIVE_INFINITY, undefined, {}, true]) {
      await expectError(() => store.append(name, ['place', 'word'], [1, odd as SqlValue]), `appending ${String(odd)}`);
    }
  });
}
