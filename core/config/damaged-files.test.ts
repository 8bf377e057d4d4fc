import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readTexts } from './testing.ts';

const text = readFileSync(join(import.meta.dirname, 'fixtures', 'litellm.yaml'), 'utf8')
  .replace('os.environ/MASTER', 'sk-master-1234567890')
  .replace('include:\n  - litellm-more.yaml\n', '');
const pieces = [
  '',
  ' ',
  '\t',
  '\n',
  ':',
  '- ',
  '[',
  ']',
  '{',
  '}',
  '"',
  "'",
  '&a ',
  '*a',
  '<<: ',
  '!x ',
  '|',
  '>',
  '#',
  '?',
  '%',
  '@',
  'null',
  '1e9',
  'os.environ/',
  '__proto__: ',
  '\u0000',
  '\ufffd',
];

const damage = fc.record({ at: fc.nat(text.length), drop: fc.nat(12), put: fc.constantFrom(...pieces) });

describe('a damaged file', () => {
  it('is read or refused, never thrown over, and shows no secret', async () => {
    const property = fc.asyncProperty(fc.array(damage, { minLength: 1, maxLength: 4 }), async (damages) => {
      let damaged = text;
      for (const { at, drop, put } of damages) damaged = damaged.slice(0, at) + put + damaged.slice(at + drop);
      const { configuration, diagnostics } = await readTexts({ 'main.yaml': damaged });
      expect(configuration === undefined).toBe(diagnostics.some(({ severity }) => severity === 'error'));
      expect(JSON.stringify(diagnostics)).not.toMatch(/1234567890|very-private|token-value/);
    });
    await fc.assert(property, { numRuns: 300 });
  });

  it('pollutes no prototype', async () => {
    await readTexts({
      'main.yaml':
        '__proto__: {polluted: 1}\nmodel_list: [{__proto__: {polluted: 1}}]\nx-a: {constructor: {prototype: {polluted: 1}}}\n',
    });
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
  });
});
