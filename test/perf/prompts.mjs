/** Prompts of a known number of tokens, none of them twice. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRandom } from '@rutter/plugin-sdk/numerics';
import { root } from './contestants.mjs';

/** Whole pieces of the vocabulary: one token each. */
const words = readFileSync(join(root, 'plugins/embedder-static/vocab.txt'), 'utf8')
  .split('\n')
  .filter((word) => /^[a-z]{3,9}$/.test(word))
  .slice(0, 4_000);
export const random = createRandom(11);
/** A prompt of so many tokens that was never seen before. */
export const prompt = (tokens) =>
  Array.from({ length: tokens }, () => words[Math.floor(random() * words.length)]).join(' ');
