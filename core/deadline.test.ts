import { manualClock } from '@rutter/plugin-sdk/testing';
import { describe, expect, it } from 'vitest';
import { answerOf, within } from './deadline.ts';

const never = () => new Promise<never>(() => {});

describe('work with a deadline', () => {
  it('gives its result, or its own error', async () => {
    const deadline = { ms: 1000, late: 'It took longer' };
    expect(await within(() => 1, deadline)).toBe(1);
    expect(await within(async () => 2, { ...deadline, clock: manualClock() })).toBe(2);
    await expect(
      within(() => {
        throw new Error('own');
      }, deadline),
    ).rejects.toThrow('own');
  });

  it('that is late fails by name, on the clock that is given', async () => {
    const clock = manualClock();
    const waiting = within(never, { ms: 500, late: 'Plugin a took longer', clock });
    const found = expect(waiting).rejects.toMatchObject({
      code: 'ERR_PLUGIN_TIMEOUT',
      message: 'Plugin a took longer than 500 ms.',
    });
    await Promise.resolve();
    await clock.advance(500);
    await found;
  });

  it('leaves nothing behind that would keep a process awake', async () => {
    const before = process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    await within(() => 1, { ms: 60_000, late: '' });
    await within(() => Promise.reject(new Error('x')), { ms: 60_000, late: '' }).catch(() => {});
    expect(process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout')).toHaveLength(before);
  });

  it('is real time where no clock is given', async () => {
    await expect(answerOf('b', never(), 5)).rejects.toThrow('Plugin b took longer than 5 ms.');
  });
});
