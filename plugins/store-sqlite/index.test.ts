import { execFile, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as wait } from 'node:timers/promises';
import { RutterError, type Store } from '@rutter/plugin-sdk';
import { assertConforms, checkStore, fakeHost } from '@rutter/plugin-sdk/testing';
import { afterEach, expect, test } from 'vitest';
import plugin from './index.ts';

const cleanUps: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'store-sqlite-'));
  cleanUps.push(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

async function open(dataFolder = folder(), config: object = {}) {
  const host = fakeHost({ dataFolder });
  const store = (await plugin.setup(host, plugin.config.parse(config))) as Store & {
    dispose(): Promise<void>;
    health(): void;
  };
  cleanUps.push(() => store.dispose());
  return { host, store, dataFolder };
}

const notes = [{ id: '0001', sql: 'CREATE TABLE notes (place INTEGER, word TEXT)' }];

test('conforms to what every store must hold to', async () => {
  assertConforms(await checkStore(plugin, { host: { dataFolder: folder() } }));
});

test('ends a query that gives rows for too long, or too many of them', async () => {
  const { store } = await open(folder(), { statementTimeoutMs: 1_000, maxResultRows: 1_000_000_000 });
  await store.migrate('notes', notes);
  await store.run(
    "INSERT INTO notes VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd'), (5, 'e'), (6, 'f'), (7, 'g'), (8, 'h')",
  );
  const endless = `SELECT a.place FROM ${'abcdefgh'
    .split('')
    .map((name) => `notes ${name}`)
    .join(', ')}`;
  const late = await store.query(endless).catch((error: unknown) => error);
  expect(RutterError.is(late) && late.code).toBe('ERR_PLUGIN_TIMEOUT');
  expect(await store.query('SELECT COUNT(*) AS n FROM notes')).toEqual([{ n: 8 }]);

  const few = await open(folder(), { maxResultRows: 3 });
  await few.store.migrate('notes', [
    ...notes,
    { id: '0002', sql: "INSERT INTO notes VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd')" },
  ]);
  await expect(few.store.query('SELECT * FROM notes')).rejects.toThrow(/more than 3 rows; ask for fewer with LIMIT/);
  expect(await few.store.query('SELECT * FROM notes LIMIT 3')).toHaveLength(3);
});

test('answers others while a query that cannot be stopped runs to its end', async () => {
  const { host, store } = await open(folder(), { statementTimeoutMs: 400 });
  await store.migrate('notes', notes);
  for (let place = 0; place < 9; place++) store.append('notes', ['place'], [place]);
  await store.flush();
  const heavy = `SELECT COUNT(*) AS n FROM ${[...'abcdefgh'].map((name) => `notes ${name}`).join(', ')}`;
  const startedMs = performance.now();
  await expect(store.query(heavy)).rejects.toThrow(/took longer than 400 ms/);
  expect(performance.now() - startedMs).toBeLessThan(2_000);
  expect(host.logged.map(({ message }) => message)).toContain('a query passed its deadline; its thread is left to end');
  await expect.poll(() => store.query('SELECT 1 AS one').catch(() => []), { timeout: 5_000 }).toEqual([{ one: 1 }]);
});

test('refuses recursion, which no deadline could end', async () => {
  const { store } = await open();
  const endless = 'WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT COUNT(*) FROM n';
  await expect(store.query(endless)).rejects.toThrow(/SQLite refused a query/);
});

test('refuses to write through a query, or to leave a transaction open', async () => {
  const { store } = await open();
  await store.migrate('notes', notes);
  await expect(store.query("INSERT INTO notes VALUES (1, 'a') RETURNING place")).rejects.toThrow(/readonly/);
  await expect(store.run('BEGIN')).rejects.toThrow(/may not leave a transaction open/);
  expect(await store.run("INSERT INTO notes VALUES (1, 'a')")).toEqual({ changes: 1 });
});

test('says what is wrong with a file it cannot use', async () => {
  const noDatabase = folder();
  writeFileSync(
    join(noDatabase, 'rutter.db'),
    'These are not the bytes of a database, and there are enough of them. '.repeat(40),
  );
  await expect(open(noDatabase)).rejects.toThrow(/rutter\.db: it is not a SQLite database\. Move it away/);

  const isFolder = folder();
  mkdirSync(join(isFolder, 'rutter.db'));
  await expect(open(isFolder)).rejects.toThrow(/it cannot be opened or created/);

  const noFolder = join(folder(), 'file');
  writeFileSync(noFolder, '');
  await expect(open(join(noFolder, 'data'))).rejects.toThrow(/cannot make its folder/);
});

test('says that a file is damaged', async () => {
  const { store, dataFolder } = await open();
  await store.migrate('notes', notes);
  await store.dispose();
  const file = join(dataFolder, 'rutter.db');
  // Right behind the header stands the table of tables.
  writeFileSync(file, readFileSync(file).fill(0x5a, 100, 2_000));
  await expect(open(dataFolder)).rejects.toThrow(/rutter\.db: it is damaged\. Restore it from a copy/);
});

test('says that another process holds the file', async () => {
  const { store, dataFolder } = await open();
  await store.dispose();
  const holder = new DatabaseSync(join(dataFolder, 'rutter.db'));
  holder.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
  cleanUps.push(() => holder.close());
  await expect(open(dataFolder, { lockTimeoutMs: 50 })).rejects.toThrow(/another process holds it locked/);
});

test('counts and logs rows that find the queue full', async () => {
  const { host, store } = await open(folder(), { maxQueuedRows: 10 });
  await store.migrate('notes', notes);
  const taken = Array.from({ length: 25 }, (_, place) => store.append('notes', ['place', 'word'], [place, 'w']));
  expect(taken.filter(Boolean)).toHaveLength(10);
  await store.dispose();
  const lines = host.logged.filter(({ message }) => message === 'rows were lost');
  expect(lines.map(({ fields }) => fields)).toEqual([
    { lost: 1, lostInAll: 1, reason: 'the queue is full' },
    { lost: 14, lostInAll: 15, reason: 'the queue is full' },
  ]);
});

test('bounds the queue by bytes as well as by rows', async () => {
  const { store } = await open(folder(), { maxQueuedBytes: 10_000 });
  await store.migrate('notes', notes);
  expect(store.append('notes', ['place', 'word'], [1, 'x'.repeat(4_000)])).toBe(true);
  expect(store.append('notes', ['place', 'word'], [2, 'x'.repeat(4_000)])).toBe(false);
  expect(store.append('notes', ['place', 'word'], [3, 'x'])).toBe(true);
});

test('refuses names that are none, and rows whose values do not fit their columns', async () => {
  const { store } = await open();
  expect(() => store.append('notes; DROP TABLE notes', ['place'], [1])).toThrow(/cannot name a table or column/);
  expect(() => store.append('notes', ['place"'], [1])).toThrow(/cannot name a table or column/);
  expect(() => store.append('notes', ['place', 'word'], [1])).toThrow(/1 values for 2 columns/);
});

test('takes nothing after it was closed, and closing twice is harmless', async () => {
  const { store } = await open();
  await store.migrate('notes', notes);
  await store.dispose();
  await store.dispose();
  expect(store.append('notes', ['place'], [1])).toBe(false);
  await expect(store.run('DELETE FROM notes')).rejects.toThrow(/closed/);
  await expect(store.query('SELECT 1')).rejects.toThrow(/closed/);
});

test('two instances may write one file, as old and new generations do', async () => {
  const first = await open();
  const second = await open(first.dataFolder, { batchMs: 1 });
  await first.store.migrate('notes', notes);
  for (let place = 0; place < 500; place++) {
    first.store.append('notes', ['place'], [place]);
    second.store.append('notes', ['place'], [place]);
    if (place % 50 === 0) await wait(2);
  }
  await Promise.all([first.store.flush(), second.store.flush()]);
  expect(await first.store.query('SELECT COUNT(*) AS n FROM notes')).toEqual([{ n: 1_000 }]);
});

const sources = ['--conditions=@rutter/source', '--no-warnings', '--input-type=module', '-e'];
const program = (dataFolder: string) => `
  import plugin from ${JSON.stringify(join(import.meta.dirname, 'index.ts'))};
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const store = await plugin.setup({ dataFolder: ${JSON.stringify(dataFolder)}, log }, plugin.config.parse({}));
  await store.migrate('notes', ${JSON.stringify(notes)});
  for (let place = 0; ; place++) {
    store.append('notes', ['place', 'word'], [place, 'w'.repeat(100)]);
    if (place % 20 === 0) {
      console.log(performance.timeOrigin + performance.now(), place);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }`;

test('loses nothing that was appended fifty milliseconds before the process was killed', async () => {
  const dataFolder = folder();
  const child = spawn(process.execPath, [...sources, program(dataFolder)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let printed = '';
  child.stdout.on('data', (chunk) => {
    printed += chunk;
  });
  await expect.poll(() => printed.split('\n').length, { timeout: 20_000 }).toBeGreaterThan(200);
  const killedAtMs = performance.timeOrigin + performance.now();
  child.kill('SIGKILL');
  await new Promise((resolve) => child.on('exit', resolve));
  const appended = printed.split('\n').map((line) => line.split(' ').map(Number));
  const safe = appended.filter(([atMs = Number.NaN]) => atMs < killedAtMs - 50).map(([, place = 0]) => place);

  const { store } = await open(dataFolder);
  const [row] = await store.query('SELECT MAX(place) AS last, COUNT(*) AS n FROM notes');
  expect(row?.last).toBeGreaterThanOrEqual(safe.at(-1) ?? Number.POSITIVE_INFINITY);
  expect(row?.n).toBe((row?.last as number) + 1);
});

test('does not keep a process from ending', async () => {
  const ends = `
    import plugin from ${JSON.stringify(join(import.meta.dirname, 'index.ts'))};
    const log = { debug() {}, info() {}, warn() {}, error() {} };
    const store = await plugin.setup({ dataFolder: ${JSON.stringify(folder())}, log }, plugin.config.parse({}));
    await store.query('SELECT 1');
    await store.dispose();`;
  const code = await new Promise((resolve) => {
    const child = execFile(process.execPath, [...sources, ends], { timeout: 15_000 });
    child.on('exit', resolve);
  });
  expect(code).toBe(0);
});
