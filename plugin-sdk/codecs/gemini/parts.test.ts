import { expect, it } from 'vitest';
import { readsAddress } from './parts.ts';

it.each([
  ['https://generativelanguage.googleapis.com/v1beta/files/abc', true],
  ['https://www.youtube.com/watch?v=x', true],
  ['https://youtu.be/x', true],
  ['https://youtube.com.example.org/x', false],
  ['https://files.example/cat.png', false],
  ['no address', false],
])('Google reads %s itself: %s', (address, expected) => {
  expect(readsAddress(address)).toBe(expected);
});
