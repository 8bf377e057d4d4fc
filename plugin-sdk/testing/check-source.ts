/**
 * What every source must hold to: bytes come back as they went in, an ETag
 * tells whether they changed, and a conditional write loses no other's.
 */

import { RutterError } from '../contract/errors.ts';
import type { Source } from '../contract/services.ts';
import {
  expect,
  expectEqual,
  type Report,
  runSuite,
  type Subject,
  type Suite,
  type SuiteOptions,
  show,
} from './report.ts';

export interface SourceOptions extends SuiteOptions {
  /** Put before every key, for a place that others use too; must end in `/`. */
  readonly prefix?: string;
}

interface Bench {
  readonly suite: Suite<'source'>;
  open(): Promise<{ readonly source: Source; key(name: string): string }>;
}

/** Checks a source's definition, or instances that a function makes. */
export function checkSource(subject: Subject<'source'>, options: SourceOptions = {}): Promise<Report> {
  return runSuite('source', { subject, options }, async (suite) => {
    const run = `${options.prefix ?? ''}check-${Math.random().toString(36).slice(2)}`;
    let checks = 0;
    const bench: Bench = {
      suite,
      async open() {
        const { instance } = await suite.start();
        const folder = `${run}/${++checks}`;
        return { source: instance, key: (name) => `${folder}/${name}` };
      },
    };
    await checkBlobs(bench);
    await checkTags(bench);
    await checkConditions(bench);
    await checkLists(bench);
    await checkKeys(bench);
  });
}

const bytesOf = (text: string) => new TextEncoder().encode(text);

async function got(source: Source, key: string): Promise<{ readonly body: Uint8Array; readonly etag: string }> {
  const found = await source.get(key);
  expect(typeof found === 'object', () => `get gave ${show(found)}, expected a body and an ETag`);
  return found;
}

const everyByte = Uint8Array.from({ length: 1_024 }, (_, index) => index % 256);
const bodies = [
  bytesOf('text'),
  new Uint8Array(0),
  everyByte,
  new Uint8Array(300_000).fill(7),
  bytesOf('naïve 🧭\r\n'),
];

async function checkBlobs({ suite, open }: Bench): Promise<void> {
  await suite.check('gives back the bytes that were put', async () => {
    const { source, key } = await open();
    for (const [index, body] of bodies.entries()) {
      expectEqual(await source.put(key(`${index}`), body), true, 'the result of put');
      const found = await got(source, key(`${index}`));
      expect(
        Buffer.from(body).equals(found.body),
        () => `${body.length} bytes came back as ${found.body.length} others`,
      );
    }
  });
  await suite.check('says nothing of a key that is not there', async () => {
    const { source, key } = await open();
    expectEqual(await source.get(key('missing')), undefined, 'a missing key');
    expectEqual(await source.get(key('missing'), { etag: '"any"' }), undefined, 'a missing key, asked for by ETag');
    await source.put(key('folder/file'), bytesOf('x'));
    expectEqual(await source.get(key('folder')), undefined, 'the beginning of a key');
  });
  await suite.check('keeps what it was given when the caller’s bytes change', async () => {
    const { source, key } = await open();
    const body = bytesOf('before');
    await source.put(key('a'), body);
    body.fill(0);
    (await got(source, key('a'))).body.fill(1);
    expectEqual(new TextDecoder().decode((await got(source, key('a'))).body), 'before', 'the text');
  });
}

async function checkTags({ suite, open }: Bench): Promise<void> {
  await suite.check('says unchanged while the ETag is the same, and gives the body when it is not', async () => {
    const { source, key } = await open();
    await source.put(key('a'), bytesOf('one'));
    const { etag } = await got(source, key('a'));
    expect(typeof etag === 'string' && etag !== '', () => `the ETag is ${show(etag)}`);
    expectEqual(await source.get(key('a'), { etag }), 'unchanged', 'a get with the present ETag');
    await source.put(key('a'), bytesOf('two'));
    const changed = await source.get(key('a'), { etag });
    expect(typeof changed === 'object', () => `a get with an old ETag gave ${show(changed)}`);
    expect(changed.etag !== etag, () => 'the ETag stayed the same while the bytes changed');
    expectEqual(new TextDecoder().decode(changed.body), 'two', 'the text');
  });
}

async function checkConditions({ suite, open }: Bench): Promise<void> {
  const text = async (source: Source, key: string) => new TextDecoder().decode((await got(source, key)).body);
  await suite.check('puts a new key once when asked to put only a new one', async () => {
    const { source, key } = await open();
    expectEqual(await source.put(key('a'), bytesOf('first'), { ifNoneMatch: '*' }), true, 'the first put');
    expectEqual(await source.put(key('a'), bytesOf('second'), { ifNoneMatch: '*' }), false, 'the second put');
    expectEqual(await text(source, key('a')), 'first', 'the text');
  });
  await suite.check('puts over the version it is told and over no other', async () => {
    const { source, key } = await open();
    expectEqual(
      await source.put(key('a'), bytesOf('x'), { ifMatch: '"none"' }),
      false,
      'a put over a version of a missing key',
    );
    await source.put(key('a'), bytesOf('one'));
    const { etag } = await got(source, key('a'));
    expectEqual(await source.put(key('a'), bytesOf('two'), { ifMatch: etag }), true, 'a put over the present version');
    expectEqual(await source.put(key('a'), bytesOf('three'), { ifMatch: etag }), false, 'a put over an old version');
    expectEqual(await text(source, key('a')), 'two', 'the text');
  });
  await suite.check('lets one of many win that put together', async () => {
    const { source, key } = await open();
    const names = Array.from({ length: 10 }, (_, index) => `writer ${index}`);
    const fresh = await Promise.all(names.map((name) => source.put(key('a'), bytesOf(name), { ifNoneMatch: '*' })));
    expectEqual(fresh.filter(Boolean).length, 1, 'the number that put the new key');
    const { etag } = await got(source, key('a'));
    const over = await Promise.all(
      names.map((name) => source.put(key('a'), bytesOf(`again ${name}`), { ifMatch: etag })),
    );
    expectEqual(over.filter(Boolean).length, 1, 'the number that put over it');
    expectEqual(await text(source, key('a')), `again ${names[over.indexOf(true)]}`, 'the text');
  });
}

async function checkLists({ suite, open }: Bench): Promise<void> {
  await suite.check('lists keys by prefix, with the ETag and the size of each', async () => {
    const { source, key } = await open();
    const names = ['a/1', 'a/2', 'a/b/3', 'ab', 'c'];
    for (const [index, name] of names.entries()) await source.put(key(name), bytesOf('x'.repeat(index)));
    const listed = async (prefix: string) =>
      [...(await source.list(key(prefix)))].sort((a, b) => (a.key < b.key ? -1 : 1));
    expectEqual(
      (await listed('a/')).map((entry) => entry.key),
      ['a/1', 'a/2', 'a/b/3'].map(key),
      'the keys under a/',
    );
    expectEqual(
      (await listed('a')).map((entry) => entry.key),
      ['a/1', 'a/2', 'a/b/3', 'ab'].map(key),
      'the keys that begin with a',
    );
    expectEqual(await listed('nothing'), [], 'the keys that begin with nothing known');
    for (const { key: name, etag, size } of await listed('')) {
      const found = await got(source, name);
      expectEqual({ etag, size }, { etag: found.etag, size: found.body.length }, `the entry of ${name}`);
    }
  });
  await suite.check('lists more keys than a page holds', async () => {
    const { source, key } = await open();
    const names = Array.from({ length: 120 }, (_, index) => key(`many/${String(index).padStart(4, '0')}`));
    await Promise.all(names.map((name) => source.put(name, bytesOf('x'))));
    expectEqual((await source.list(key('many/'))).map((entry) => entry.key).sort(), names, 'the keys');
  });
}

const oddNames = [
  'with space',
  'plus+sign',
  'per%20cent',
  'naïve-🧭',
  'quote\'"',
  'a&b=c?d#e',
  'UPPER',
  'upper',
  '~tilde',
  'dot.',
  '-dash',
];

async function checkKeys({ suite, open }: Bench): Promise<void> {
  await suite.check('takes keys of every spelling, and keeps them apart', async () => {
    const { source, key } = await open();
    for (const name of oddNames) await source.put(key(name), bytesOf(name));
    for (const name of oddNames)
      expectEqual(new TextDecoder().decode((await got(source, key(name))).body), name, `the text of ${show(name)}`);
    expectEqual(
      (await source.list(key(''))).map((entry) => entry.key).sort(),
      oddNames.map(key).sort(),
      'the keys listed',
    );
  });
  await suite.check('lets no key lead out of its place', async () => {
    const { source, key } = await open();
    for (const name of [
      '../outside',
      '../../../../../../etc/hostname',
      '/etc/hostname',
      'a/../../outside',
      '..\\outside',
      'a\u0000b',
    ]) {
      for (const escaping of [name, key(name)]) {
        const found = await source.get(escaping).catch((error: unknown) => {
          expect(RutterError.is(error), () => `${show(escaping)} threw ${error}, expected nothing or a RutterError`);
          return undefined;
        });
        expectEqual(found, undefined, `what ${show(escaping)} found`);
      }
    }
  });
}
