import { RutterError } from '@rutter/plugin-sdk';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Channel, type ChannelHandlers } from './channel.ts';
import type { Ask, Message, Tell } from './messages.ts';

/** Two ends whose messages arrive in order, one tick later. */
function pair(left: Partial<ChannelHandlers>, right: Partial<ChannelHandlers>) {
  const silent: ChannelHandlers = { ask: async () => undefined, tell: () => {} };
  const a: Channel = new Channel(
    { send: (message: Message) => queueMicrotask(() => b.receive(message)) },
    { ...silent, ...left },
  );
  const b: Channel = new Channel(
    { send: (message: Message) => queueMicrotask(() => a.receive(message)) },
    { ...silent, ...right },
  );
  return { a, b };
}

const reload: Ask = { type: 'reload', source: 'admin' };

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it('brings each answer to its question', async () => {
  const { a } = pair({}, { ask: async (ask) => (ask.type === 'reload' ? `${ask.source} done` : undefined) });
  const answers = ['one', 'two', 'three'].map((source) => a.ask({ type: 'reload', source }));
  expect(await Promise.all(answers)).toEqual(['one done', 'two done', 'three done']);
});

it('brings news without an answer', async () => {
  const heard: Tell[] = [];
  const { a } = pair({}, { tell: (news) => heard.push(news) });
  a.tell({ type: 'stop' });
  await Promise.resolve();
  expect(heard).toEqual([{ type: 'stop' }]);
});

it('keeps the code of an error, and makes a fault of the plugin of one that is none of ours', async () => {
  const thrown = [new RutterError('ERR_CONFIG_INVALID', 'wrong'), new Error('odd')];
  const { a } = pair({}, { ask: () => Promise.reject(thrown.shift()) });
  await expect(a.ask(reload)).rejects.toMatchObject({ code: 'ERR_CONFIG_INVALID', message: 'wrong' });
  await expect(a.ask(reload)).rejects.toMatchObject({ code: 'ERR_PLUGIN_FAILED' });
});

it('takes a code it does not know for a fault of the plugin', async () => {
  const { a } = pair({}, { ask: () => new Promise(() => {}) });
  const asked = a.ask(reload);
  a.receive({ failure: { code: 'ERR_FROM_ELSEWHERE', message: 'x' }, id: 0 });
  await expect(asked).rejects.toMatchObject({ code: 'ERR_PLUGIN_FAILED', message: 'x' });
});

it('gives up a question at its deadline, and takes no answer afterwards', async () => {
  let answer = (_value: string) => {};
  const { a } = pair({}, { ask: () => new Promise((resolve) => (answer = resolve)) });
  const asked = a.ask(reload, 500);
  const outcome = expect(asked).rejects.toMatchObject({
    code: 'ERR_PLUGIN_DOWN',
    message: 'The other process did not answer "reload" within 500 ms.',
  });
  await vi.advanceTimersByTimeAsync(500);
  await outcome;
  answer('late');
  await vi.advanceTimersByTimeAsync(1);
});

it('fails what waits when the other side is gone, and whatever is asked then', async () => {
  const { a } = pair({}, { ask: () => new Promise(() => {}) });
  const waiting = a.ask(reload);
  a.close();
  const gone = { code: 'ERR_PLUGIN_DOWN', message: 'The other process is gone.' };
  await expect(waiting).rejects.toMatchObject(gone);
  await expect(a.ask(reload)).rejects.toMatchObject(gone);
  expect(vi.getTimerCount()).toBe(0);
});
