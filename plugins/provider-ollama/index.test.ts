import { assertConforms, checkProvider } from '@rutter/plugin-sdk/testing';
import { describe, it } from 'vitest';
import definition from './index.ts';

const at = { model: 'm', created_at: '2025-07-07T20:22:19.184789Z' };
const counts = { prompt_eval_count: 12, eval_count: 5 };
const call = { function: { name: 'get_weather', arguments: { place: 'Oslo' } } };
/** Lines of JSON, framed as the suite wants them. */
const framed = (...lines: readonly object[]) =>
  lines.map((line) => `data: ${JSON.stringify({ ...at, ...line })}\n\n`).join('');

const samples = {
  ollama_chat: {
    streams: [
      framed(
        { message: { role: 'assistant', content: '', thinking: 'hm' }, done: false },
        { message: { role: 'assistant', content: 'Blue naïve 🧭 日本.' }, done: false },
        { message: { role: 'assistant', content: '', tool_calls: [call, call] }, done: false },
        { message: { role: 'assistant', content: '' }, done: true, done_reason: 'stop', ...counts },
      ),
    ],
    replies: [
      { ...at, message: { role: 'assistant', content: 'Blue.' }, done: true, done_reason: 'stop', ...counts },
      { ...at, message: { role: 'assistant', content: '', tool_calls: [call] }, done: true, ...counts },
    ],
  },
  ollama: {
    streams: [
      framed(
        { response: 'Blue naïve 🧭 ', done: false },
        { response: '日本.', done: false },
        { response: '', done: true, done_reason: 'stop', ...counts },
      ),
    ],
    replies: [{ ...at, response: 'Blue.', done: true, done_reason: 'length', ...counts }],
  },
};

describe.each(Object.entries(samples))('by the prefix %s', (provider, { streams, replies }) => {
  it('passes the kit', async () => {
    assertConforms(await checkProvider(definition, { streams, replies, deployment: { provider } }));
  });
});
