import { expect, test } from 'vitest';
import { RutterError } from '../index.ts';
import { callResult, chatReply, credential, fakeHost, manualClock, secretOf, seededRandom } from './index.ts';

const codeOf = async (run: () => unknown) => {
  try {
    await run();
  } catch (error) {
    return RutterError.is(error) ? error.code : String(error);
  }
  return 'nothing thrown';
};

test('fires timers in the order of their time, each at its time', async () => {
  const clock = manualClock(1_000);
  const fired: string[] = [];
  const note = (name: string) => () => void fired.push(`${name} at ${clock.now()}`);
  clock.after(30, note('c'));
  clock.after(10, () => {
    note('a')();
    clock.after(5, note('b'));
  });
  const stop = clock.after(20, note('stopped'));
  stop();
  await clock.advance(100);
  expect(fired).toEqual(['a at 1010', 'b at 1015', 'c at 1030']);
  expect([clock.now(), clock.monotonic()]).toEqual([1_100, 100]);
});

test('sleeps until the time has come or the signal aborts', async () => {
  const { clock } = fakeHost();
  let isAwake = false;
  const asleep = clock.sleep(50).then(() => {
    isAwake = true;
  });
  await clock.advance(49);
  expect(isAwake).toBe(false);
  await clock.advance(1);
  await asleep;
  const controller = new AbortController();
  const aborted = expect(clock.sleep(50, controller.signal)).rejects.toThrow('enough');
  controller.abort(new Error('enough'));
  await aborted;
  await expect(clock.sleep(1, AbortSignal.abort(new Error('before')))).rejects.toThrow('before');
});

test('repeats a task, skips a run while one is going on, and stops', async () => {
  const host = fakeHost();
  let runs = 0;
  let finish = () => {};
  const stop = host.every(10, () => {
    runs++;
    return new Promise<void>((resolve) => {
      finish = resolve;
    });
  });
  await host.advance(35);
  expect(runs).toBe(1);
  finish();
  await host.advance(10);
  expect(runs).toBe(2);
  finish();
  stop();
  await host.advance(100);
  expect(runs).toBe(2);
});

test('goes on repeating a task that throws, and logs it; ends all timers with the instance', async () => {
  const host = fakeHost();
  host.every(10, () => {
    throw new Error('broken');
  });
  await host.advance(25);
  expect(host.logged).toHaveLength(2);
  host.end();
  await host.advance(100);
  expect(host.logged).toHaveLength(2);
});

test('draws the same numbers under the same seed, and others under another', () => {
  const draws = (seed: number) => Array.from({ length: 5 }, fakeHost({ seed }).random);
  expect(draws(1)).toEqual(draws(1));
  expect(draws(1)).not.toEqual(draws(2));
  const random = seededRandom(9);
  const many = Array.from({ length: 10_000 }, random);
  expect(Math.min(...many)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...many)).toBeLessThan(1);
  expect(many.reduce((sum, value) => sum + value, 0) / many.length).toBeCloseTo(0.5, 1);
});

test('refuses whatever reaches outside and was not supplied', async () => {
  const host = fakeHost();
  for (const run of [
    () => host.fetch('https://a.example'),
    () => host.spawn('true', []),
    () => host.invoke('g', { messages: [] }, {} as never),
    () => host.use('state'),
    () => host.dataFolder,
  ]) {
    expect(await codeOf(run)).toBe('ERR_PLUGIN_INVALID');
  }
  const state = {} as never;
  const supplied = fakeHost({
    dataFolder: '/data',
    services: { state },
    fetch: async () => ({ status: 204 }) as never,
  });
  expect(supplied.use('state')).toBe(state);
  expect(supplied.dataFolder).toBe('/data');
  expect((await supplied.fetch('https://a.example')).status).toBe(204);
});

test('keeps values over a generation while their version stays, and only so many', async () => {
  const first = fakeHost();
  const kept = first.keep('list', 1, () => [1]);
  const next = fakeHost({ kept: first.kept });
  expect(next.keep('list', 1, () => [2])).toBe(kept);
  expect(next.keep('list', 2, () => [3])).toEqual([3]);
  for (let count = 1; count < 64; count++) next.keep(`n${count}`, 1, () => count);
  expect(await codeOf(() => next.keep('one too many', 1, () => 0))).toBe('ERR_PLUGIN_INVALID');
});

test('records logs and defined features', () => {
  const host = fakeHost();
  host.log.warn({ a: 1 }, 'careful');
  host.features.define('length', (_context, text) => text.length);
  expect(host.logged).toEqual([{ level: 'warn', fields: { a: 1 }, message: 'careful' }]);
  expect([...host.defined.keys()]).toEqual(['length']);
});

test('makes secrets that compare and do not print', () => {
  const secret = secretOf('sk-quiet');
  expect(secret.equals('sk-quiet')).toBe(true);
  expect(secret.equals(secretOf('sk-quiet'))).toBe(true);
  expect(secret.equals('sk-quiet ')).toBe(false);
  expect(`${secret} ${JSON.stringify({ secret })}`).not.toContain('quiet');
  const sent = credential('sk-quiet', 'x-api-key');
  expect([sent.source, sent.startsWith('sk-'), sent.startsWith('pk-'), sent.equals(secret)]).toEqual([
    'x-api-key',
    true,
    false,
    true,
  ]);
});

test('gives a reply as events that say the same', async () => {
  const reply = chatReply({ text: 'one two', toolCalls: [{ id: 'c', name: 'f', arguments: '{}' }], end: 'tool-calls' });
  const events = [];
  for await (const event of callResult(reply).events()) events.push(event);
  expect(events.map(({ type }) => type)).toEqual(['start', 'text-delta', 'text-delta', 'tool-call', 'end', 'usage']);
  expect(events.map((event) => (event.type === 'text-delta' ? event.text : '')).join('')).toBe('one two');
});
