import type { Embedder } from '@rutter/plugin-sdk';
import { assertConforms, checkStrategy } from '@rutter/plugin-sdk/testing';
import { describe, expect, it } from 'vitest';
import plugin from './index.ts';
import { readParts } from './split.ts';

const embedder: Embedder = {
  dimensions: 2,
  version: 'test-2',
  embed: async (texts) => texts.map((text) => Float32Array.of(text.length, 1)),
};

it('conforms to what every strategy must hold to', async () => {
  const host = { services: { embedder } };
  assertConforms(await checkStrategy(plugin, { host }));
  assertConforms(await checkStrategy(plugin, { host, config: { base_model: 'base' } }));
});

describe('parts', () => {
  it.each([
    ['["a?", " b? ", "a?", ""]', ['a?', 'b?']],
    ['{"parts": ["a?"]}', ['a?']],
    ['Here: [{"subquery": "a?"}, {"query": "b?"}, 3]', ['a?', 'b?']],
    ['I would rather\nsing', []],
    ['{}', []],
    ['', []],
  ])('%j are read', (text, parts) => {
    expect(readParts(text, 4, false)).toEqual(parts);
  });

  it('are lines where the rule is LLMRouter’s, and never more than they may be', () => {
    expect(readParts('1. a?\n\n- b?\nc?', 2, true)).toEqual(['a?', 'b?']);
  });
});
