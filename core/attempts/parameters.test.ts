import type { ChatRequest } from '@rutter/plugin-sdk';
import { describe, expect, it } from 'vitest';
import { readPath, withoutNeutral, withoutPaths } from './parameters.ts';

describe('a path', () => {
  it.each([
    ['seed', ['seed']],
    ['tools[*].function.strict', ['tools', '*', 'function', 'strict']],
    ['a.b[0][12].c', ['a', 'b', 0, 12, 'c']],
    ['a[\'b.c\']["d"]', ['a', 'b.c', 'd']],
  ])('%s is read step by step', (path, steps) => {
    expect(readPath(path)).toEqual(steps);
  });

  it.each(['', 'a[', 'a]', 'a..b', 'a[x]', 'a.'])('%j is none', (path) => {
    expect(() => readPath(path)).toThrow(expect.objectContaining({ param: 'additional_drop_params' }));
  });
});

describe('fields without what is named', () => {
  const fields = {
    model: 'm',
    messages: [{ role: 'user', name: 'ada' }],
    seed: 1,
    tools: [{ function: { name: 'a', strict: true } }, { function: { name: 'b' } }, 'odd'],
    list: [1, 2, 3],
  };

  it('lose it at every depth, and the rest is the same', () => {
    const found = withoutPaths(fields, ['seed', 'tools[*].function.strict', 'list[1]', 'messages[*].name', 'absent']);
    expect(found.fields).toEqual({
      model: 'm',
      messages: [{ role: 'user' }],
      tools: [{ function: { name: 'a' } }, { function: { name: 'b' } }, 'odd'],
      list: [1, 3],
    });
    expect(found.changed).toEqual(['seed', 'tools', 'list', 'messages']);
    expect(found.dropped).toEqual(['seed', 'tools[*].function.strict', 'list[1]', 'messages[*].name']);
    expect((found.fields.tools as unknown[])[1]).toBe(fields.tools[1]);
  });

  it('are the same object where nothing is there', () => {
    expect(withoutPaths(fields, ['tools[*].x', 'seed.x', 'list.a', 'tools[9]']).fields).toBe(fields);
    expect(withoutPaths(fields, []).fields).toBe(fields);
  });

  it('keep what makes them a call', () => {
    expect(withoutPaths(fields, ['model', 'messages', 'stream'])).toMatchObject({ fields, dropped: [] });
  });
});

it('takes OpenAI\u2019s names out of a neutral request too', () => {
  const request: ChatRequest = {
    model: 'm',
    messages: [],
    stream: false,
    topP: 0.5,
    reasoning: { effort: 'low' },
    extra: { logit_bias: { 1: 2 }, kept: 1 },
  };
  expect(withoutNeutral(request, ['top_p', 'reasoning_effort', 'logit_bias', 'seed'])).toEqual({
    request: { model: 'm', messages: [], stream: false, extra: { kept: 1 } },
    dropped: ['top_p', 'reasoning_effort', 'logit_bias'],
  });
  expect(withoutNeutral(request, ['seed']).request).toBe(request);
});
