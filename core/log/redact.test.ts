import { describe, expect, it } from 'vitest';
import { Redactor } from './redact.ts';

describe('the sink of the log', () => {
  it('replaces known values wherever they stand, few or many', () => {
    for (const more of [0, 500]) {
      const redactor = new Redactor();
      for (let index = 0; index < more; index++) redactor.add(`filler-value-${index}`);
      redactor.add('canary_0123456789');
      redactor.add('p"ass/word with=signs');
      const line = redactor.clean(
        `${JSON.stringify({ a: 'x canary_0123456789.', b: 'p"ass/word with=signs' })} ${encodeURIComponent('p"ass/word with=signs')}`,
      );
      expect(line).not.toContain('canary_0123456789');
      expect(line).not.toMatch(/ass.{0,3}word/);
      expect(line.match(/\[secret\]/g)).toHaveLength(3);
    }
  });

  it('replaces what has the shape of a key, known or not', () => {
    const redactor = new Redactor();
    const samples = [
      `sk-${'a1'.repeat(12)}`,
      `sk-ant-api03-${'b2'.repeat(12)}`,
      `AKIA${'Z'.repeat(16)}`,
      `AIza${'x'.repeat(35)}`,
      `ghp_${'q'.repeat(36)}`,
      'xoxb-1234567890-abc',
      `eyJ${'a'.repeat(12)}.eyJ${'b'.repeat(12)}.${'c'.repeat(12)}`,
      'Bearer abcdefgh12345',
      'https://user:hunter2hunter2@host/path',
    ];
    for (const sample of samples) expect(redactor.clean(`{"m":"${sample}"}`), sample).toContain('[secret]');
    expect(redactor.clean('https://user:hunter2hunter2@host/path')).toBe('https://user:[secret]@host/path');
  });

  it('leaves ordinary lines alone', () => {
    const line = '{"route":"gpt: openai/gpt-4o (1becca37332e4754cc8d), least-busy of 3","task-list":1,"time":12}\n';
    expect(new Redactor().clean(line)).toBe(line);
  });
});
