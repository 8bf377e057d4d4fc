import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ArrivingBytes, joinInTurns } from './join-bytes.ts';

const mebibyte = 1024 * 1024;
const filled = (length: number, seed: number) =>
  Buffer.from(Uint8Array.from({ length }, (_, at) => (at * 31 + seed) & 255));

it('joins what it is given in its order, letting others have their turn', async () => {
  const parts = [filled(5, 1), filled(3 * mebibyte + 7, 2), Buffer.alloc(0), filled(300_000, 3)];
  let turns = 0;
  const count = () => {
    turns++;
    if (!isOver) setImmediate(count);
  };
  let isOver = false;
  setImmediate(count);
  const joined = await joinInTurns(parts);
  isOver = true;
  expect(joined.equals(Buffer.concat(parts))).toBe(true);
  expect(turns).toBeGreaterThanOrEqual(10);
});

it('puts bytes that arrive together, whatever length was announced', () => {
  const sizes = fc.array(fc.nat(400_000), { maxLength: 8 });
  fc.assert(
    fc.property(sizes, fc.boolean(), (lengths, isKnown) => {
      const parts = lengths.map((length, at) => filled(length, at));
      const whole = Buffer.concat(parts);
      const bytes = new ArrivingBytes(isKnown ? whole.length : 0);
      for (const part of parts) bytes.push(part);
      expect(bytes.length).toBe(whole.length);
      expect(bytes.take().equals(whole)).toBe(true);
    }),
    { numRuns: 40 },
  );
});

it('gives no more than has come when more was announced', () => {
  const bytes = new ArrivingBytes(8 * mebibyte);
  bytes.push(filled(2 * mebibyte, 1));
  expect(bytes.take().length).toBe(2 * mebibyte);
});
