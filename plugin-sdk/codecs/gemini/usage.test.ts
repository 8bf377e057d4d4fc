import { expect, it } from 'vitest';
import { readUsage } from './usage.ts';

it.each([
  ['text', { promptTokenCount: 10, candidatesTokenCount: 4, totalTokenCount: 14 }, { input: 10, output: 4 }],
  [
    'cached content, which is inside the prompt',
    { promptTokenCount: 10, cachedContentTokenCount: 6, candidatesTokenCount: 4, totalTokenCount: 14 },
    { input: 4, cachedInput: 6, output: 4 },
  ],
  [
    'thoughts beside the candidates',
    { promptTokenCount: 10, candidatesTokenCount: 4, thoughtsTokenCount: 3, totalTokenCount: 17 },
    { input: 10, output: 4, reasoning: 3 },
  ],
  [
    'thoughts inside the candidates, as the total shows',
    { promptTokenCount: 10, candidatesTokenCount: 7, thoughtsTokenCount: 3, totalTokenCount: 17 },
    { input: 10, output: 4, reasoning: 3 },
  ],
  [
    'no count of candidates',
    { promptTokenCount: 10, thoughtsTokenCount: 3, totalTokenCount: 18 },
    { input: 10, output: 5, reasoning: 3 },
  ],
  [
    'prompts of tools',
    { promptTokenCount: 10, toolUsePromptTokenCount: 5, candidatesTokenCount: 4, totalTokenCount: 19 },
    { input: 15, output: 4 },
  ],
  [
    'sound, partly cached',
    {
      promptTokenCount: 30,
      cachedContentTokenCount: 10,
      promptTokensDetails: [
        { modality: 'TEXT', tokenCount: 5 },
        { modality: 'AUDIO', tokenCount: 25 },
      ],
      cacheTokensDetails: [{ modality: 'AUDIO', tokenCount: 10 }],
      candidatesTokenCount: 8,
      candidatesTokensDetails: [{ modality: 'AUDIO', tokenCount: 6 }],
      totalTokenCount: 38,
    },
    { input: 5, cachedInput: 10, audioInput: 15, output: 2, audioOutput: 6 },
  ],
  [
    'more parts than the whole has',
    {
      promptTokenCount: 3,
      cachedContentTokenCount: 9,
      promptTokensDetails: [{ modality: 'AUDIO', tokenCount: 9 }],
      candidatesTokenCount: 1,
      candidatesTokensDetails: [{ modality: 'AUDIO', tokenCount: 9 }],
    },
    { input: 0, cachedInput: 3, output: 0, audioOutput: 1 },
  ],
  ['a refused prompt', { promptTokenCount: 6, totalTokenCount: 6 }, { input: 6, output: 0 }],
  ['nothing', {}, undefined],
  ['no object', 'many', undefined],
  ['a count that is none', { promptTokenCount: null }, undefined],
])('buckets of %s are disjoint', (_what, found, expected) => {
  expect(readUsage(found)).toEqual(expected);
});
