import { describe, expect, it } from 'vitest';
import type { ChatRequest } from '../../contract/chat.ts';
import type { Deployment } from '../../contract/request.ts';
import { dropsFor } from '../drops.ts';
import { modelVersion } from './names.ts';
import { writeThinking } from './thinking.ts';

const write = (model: string, reasoning: ChatRequest['reasoning'], params: object = {}) =>
  writeThinking(
    { model: 'g', messages: [], stream: false, extra: {}, ...(reasoning && { reasoning }) },
    model,
    dropsFor({ params } as Deployment),
  );
const effort = (model: string, name: string) => write(model, { effort: name });

it.each([
  ['gemini-2.5-flash', 205],
  ['gemini-2.5-flash-lite-preview-09-2025', 205],
  ['gemini-3-pro-preview', 300],
  ['gemini-3.1-flash-lite', 301],
  ['gemini-2.0-flash-001', 200],
  ['gemini-1.5-pro-002', 105],
  ['gemini-live-2.5-flash', 205],
  ['gemini-flash-latest', undefined],
  ['gemini-pro', undefined],
  ['1234567890', undefined],
])('the version of %s is %j', (model, version) => {
  expect(modelVersion(model)).toBe(version);
});

describe('an effort', () => {
  it.each([
    ['gemini-2.5-flash', 'none', 0],
    ['gemini-2.5-pro', 'none', 128],
    ['gemini-2.5-flash', 'minimal', 512],
    ['gemini-2.5-flash', 'low', 1024],
    ['gemini-2.5-pro', 'medium', 2048],
    ['gemini-2.5-pro', 'high', 4096],
    ['gemini-2.5-pro', 'max', 24_576],
    ['gemini-flash-latest', 'low', 1024],
  ])('of %s that is %s is a budget of %i', (model, name, thinkingBudget) => {
    expect(effort(model, name)).toEqual({ thinkingBudget, includeThoughts: name !== 'none' });
  });

  it.each([
    ['gemini-3-flash-preview', 'none', 'minimal'],
    ['gemini-3-flash-preview', 'minimal', 'minimal'],
    ['gemini-3-flash-preview', 'medium', 'medium'],
    ['gemini-3-pro-preview', 'none', 'low'],
    ['gemini-3-pro-preview', 'medium', 'high'],
    ['gemini-3.1-pro-preview', 'minimal', 'low'],
    ['gemini-3.1-pro-preview', 'medium', 'medium'],
    ['gemini-3.6-flash', 'high', 'high'],
    ['gemini-3.6-flash', 'max', 'high'],
  ])('of %s that is %s is the level %s', (model, name, thinkingLevel) => {
    expect(effort(model, name)).toEqual({ thinkingLevel, includeThoughts: name !== 'none' });
  });

  it('unheard of is refused by name', () => {
    expect(() => effort('gemini-2.5-pro', 'heroic')).toThrow(
      /reasoning_effort: found "heroic", expected none, minimal/,
    );
  });

  it.each(['gemini-2.0-flash', 'gemma-3-27b-it'])('is nothing to %s', (model) => {
    expect(() => effort(model, 'low')).toThrow(/does not reason/);
    expect(effort(model, 'none')).toBeUndefined();
    expect(write(model, { effort: 'low' }, { drop_params: true })).toBeUndefined();
  });
});

it.each<[ChatRequest['reasoning'], object | undefined]>([
  [
    { raw: { type: 'enabled', budget_tokens: 700 }, budgetTokens: 700 },
    { thinkingBudget: 700, includeThoughts: true },
  ],
  [
    { raw: { type: 'enabled', budget_tokens: 0 }, budgetTokens: 0 },
    { thinkingBudget: 0, includeThoughts: false },
  ],
  [{ raw: { type: 'enabled' } }, { includeThoughts: true }],
  [{ raw: { type: 'adaptive' } }, { includeThoughts: true }],
  [
    { raw: { type: 'disabled' }, effort: 'high' },
    { thinkingBudget: 0, includeThoughts: false },
  ],
  [{ raw: { type: 'of tomorrow' } }, undefined],
  [{}, undefined],
  [undefined, undefined],
])('%j becomes %j', (reasoning, expected) => {
  expect(write('gemini-2.5-flash', reasoning)).toEqual(expected);
});
