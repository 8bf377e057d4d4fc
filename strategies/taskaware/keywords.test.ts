import { expect, it } from 'vitest';
import { isComplex, taskOf } from './keywords.ts';

it.each([
  ['Write a python function that adds two numbers', 'code'],
  ['Please compute the sum of 3 and 4', 'mathematics'],
  ['What is 12 * 7?', 'mathematics'],
  ['Write a tender poem about autumn', 'writing'],
  ['Translate this letter into French', 'translation'],
  ['Why is the sky blue', 'reasoning'],
  ['Hello there', 'general'],
])('takes %j for %s', (text, task) => {
  expect(taskOf(text)).toBe(task);
});

it('takes long texts, and those that ask for much, for complex', () => {
  expect(isComplex('Add two numbers')).toBe(false);
  expect(isComplex('Solve this step by step')).toBe(true);
  expect(isComplex('word '.repeat(81))).toBe(true);
});
