import { expect, it } from 'vitest';
import { toolId } from './tool-ids.ts';

it('leaves ids of nine letters and digits as they are', () => {
  for (const id of ['VvvODy9mT', '000000000', 'abcdefghi']) expect(toolId(id)).toBe(id);
});

it('makes nine letters and digits of any other, the same each time', () => {
  for (const id of ['', 'call_1', 'ümläut', '12345678', '1234567890', '\ud800', 'x'.repeat(10_000)]) {
    expect(toolId(id)).toMatch(/^[A-Za-z0-9]{9}$/);
    expect(toolId(id)).toBe(toolId(id));
  }
});

it('keeps apart ids that differ in little', () => {
  const ids = Array.from({ length: 20_000 }, (_, index) => toolId(`call_${index}`));
  expect(new Set(ids).size).toBe(ids.length);
});
