import { describe, expect, it } from 'vitest';
import { Counters } from './counters.ts';

describe('counters', () => {
  it('are written by name, with their help and every series', () => {
    const counters = new Counters();
    counters.add('b_total', { group: 'x' });
    counters.add('a_total', {}, 2);
    counters.add('b_total', { group: 'x' }, 3);
    counters.add('b_total', { group: 'y' });
    expect(counters.text('p', { a_total: 'Some.' })).toBe(
      '# HELP p_a_total Some.\n# TYPE p_a_total counter\np_a_total 2\n' +
        '# HELP p_b_total\n# TYPE p_b_total counter\np_b_total{group="x"} 4\np_b_total{group="y"} 1\n',
    );
  });

  it('keep a label in one line and inside its quotes, whatever it holds', () => {
    const counters = new Counters();
    counters.add('a', { group: 'one"} 9\nb{x="\\' });
    expect(counters.text('p', {})).toContain('p_a{group="one\\"} 9\\nb{x=\\"\\\\"} 1\n');
  });

  it('count together what is beyond 500 series, and go on counting the known ones', () => {
    const counters = new Counters();
    for (let index = 0; index < 1200; index++) counters.add('a', { group: `g${index}` });
    counters.add('a', { group: 'g7' });
    const lines = counters.text('p', {}).trim().split('\n');
    expect(lines).toHaveLength(2 + 501);
    expect(lines).toContain('p_a{group="other"} 700');
    expect(lines).toContain('p_a{group="g7"} 2');
  });
});
