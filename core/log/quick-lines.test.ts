import pino from 'pino';
import { expect, it } from 'vitest';
import { writeQuickLines } from './quick-lines.ts';

function logger(isQuick: boolean): { readonly log: pino.Logger; readonly lines: string[] } {
  const lines: string[] = [];
  const log = pino(
    { base: null, timestamp: () => ',"time":1', serializers: { err: (error) => ({ told: String(error) }) } },
    { write: (line: string) => void lines.push(line) },
  );
  if (isQuick) writeQuickLines(log);
  return { log: log.child({ name: 'part "of" it' }), lines };
}

const circle: Record<string, unknown> = { a: 1 };
circle.self = circle;

it.each<[string, object, string | undefined]>([
  ['nothing', {}, undefined],
  ['a message alone', {}, 'hello "you"\n\u2028\ud800'],
  ['values of every sort', { s: 'x\u0007"\\é', n: 1.5, i: -0, b: false, nothing: null, gone: undefined }, 'm'],
  ['numbers that JSON has not', { nan: Number.NaN, most: Number.POSITIVE_INFINITY }, 'm'],
  ['what is nested', { list: [1, undefined, { deep: 'x' }], map: { a: { b: [] } } }, 'm'],
  ['what has no JSON', { run: () => 1, sign: Symbol('s'), list: [() => 1] }, 'm'],
  ['dates and what spells itself', { at: new Date(0), own: { toJSON: () => 'own' } }, 'm'],
  ['an object that spells itself', { a: 1, toJSON: () => ({ b: 2 }) }, 'm'],
  ['an error', { err: new Error('lost'), a: 1 }, 'm'],
  ['an error among others', { error: new Error('lost') }, 'm'],
  ['a circle', circle, 'm'],
  ['a big integer', { n: 12345678901234567890n, a: 1 }, 'm'],
  ['long text', { s: 'é"'.repeat(200) }, 'm'.repeat(100)],
])('writes %s as pino does', (_what, fields, message) => {
  const [quick, plain] = [logger(true), logger(false)];
  for (const { log } of [quick, plain]) log.warn(fields, message);
  expect(quick.lines).toHaveLength(1);
  expect(quick.lines).toEqual(plain.lines);
});
