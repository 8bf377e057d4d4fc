import { expect, it } from 'vitest';
import { wholeLines } from './whole-lines.ts';

const bytes = (text: string) => Buffer.byteLength(text);

it('joins lines as far as a pipe takes them in one piece, and loses none', () => {
  const lines = Array.from({ length: 100 }, (_none, index) => `${'ü'.repeat(index * 5)}\n`);
  const texts = [...wholeLines(lines)];
  expect(texts.join('')).toBe(lines.join(''));
  for (const text of texts) {
    expect(text.endsWith('\n')).toBe(true);
    expect(bytes(text)).toBeLessThanOrEqual(4096);
  }
  for (const [index, text] of texts.slice(1).entries())
    expect(bytes(texts[index] as string) + bytes(`${text.split('\n')[0]}\n`)).toBeGreaterThan(4096);
});

it('fills a piece to its last byte', () => {
  const lines = [`${'a'.repeat(4000)}\n`, `${'b'.repeat(94)}\n`, 'c\n'];
  expect([...wholeLines(lines)]).toEqual([`${lines[0]}${lines[1]}`, 'c\n']);
});

it('lets a line that is too long stand alone', () => {
  const long = `${'x'.repeat(5000)}\n`;
  expect([...wholeLines(['a\n', long, 'b\n'])]).toEqual(['a\n', long, 'b\n']);
  expect([...wholeLines([long])]).toEqual([long]);
});

it('makes nothing of nothing', () => {
  expect([...wholeLines([])]).toEqual([]);
});
