/** Providers that answer without a socket: the whole way from a request to its reply. */
import type { ChatRequest } from '../contract/chat.ts';
import type { ChatCodec } from '../contract/wire.ts';
import type { FakeHost } from './host.ts';
import { chatCodecs, type ProviderBench } from './provider-bench.ts';
import { expect, expectEqual, show, within } from './report.ts';
import { plainRequests } from './requests.ts';
import { sseFrames } from './streams.ts';

const encoder = new TextEncoder();

export async function checkRespond(bench: ProviderBench): Promise<void> {
  const { suite, provider, deployment } = bench;
  if (provider.respond === undefined) return;
  const exchange = async (host: FakeHost, instance: typeof provider, codec: ChatCodec, request: ChatRequest) => {
    const { path, method = 'POST', body } = codec.request({ ...request, deployment });
    const call = { method, path, headers: {}, body: encoder.encode(JSON.stringify(body)) };
    return driven(host, async () => {
      const reply = await instance.respond?.(call, new AbortController().signal);
      return { status: reply?.status, text: await textOf(reply?.body) };
    });
  };

  for (const [operation, codec] of chatCodecs(provider)) {
    await suite.check(`${operation}: answers what it translated, whole and streamed`, async () => {
      const { host, instance } = await suite.start();
      for (const { name, value } of plainRequests()) {
        const whole = await exchange(host, instance, codec, { ...value, stream: false });
        expectEqual(whole.status, 200, `the status of ${name}`);
        const reply = codec.reply(JSON.parse(whole.text) as never, { deployment, stream: false, request: value });
        expect(typeof reply.text === 'string', () => `${name} was answered with ${show(reply)}`);
        const streamed = await exchange(host, instance, codec, { ...value, stream: true });
        const read = codec.events({ deployment, stream: true, request: value });
        const types = sseFrames(streamed.text).flatMap((frame) => [...read(frame)].map(({ type }) => type));
        expect(types.includes('end'), () => `the stream of ${name} has no end: ${show(types)}`);
      }
    });
  }
  await suite.check('answers a request it cannot read with an error status', async () => {
    const { host, instance } = await suite.start();
    for (const text of ['', '{', 'null', '[]', '"text"']) {
      const call = { method: 'POST', path: '/chat/completions', headers: {}, body: encoder.encode(text) };
      const reply = await driven(host, async () => instance.respond?.(call, new AbortController().signal));
      expect((reply?.status ?? 0) >= 400, () => `the body ${show(text)} was answered with status ${reply?.status}`);
    }
  });
  await suite.check('stops when it is aborted', async () => {
    const [first] = chatCodecs(provider);
    if (first === undefined) return;
    const { host, instance } = await suite.start();
    const { path, body } = first[1].request({
      ...(plainRequests()[0]?.value as ChatRequest),
      stream: true,
      deployment,
    });
    const controller = new AbortController();
    const call = { method: 'POST', path, headers: {}, body: encoder.encode(JSON.stringify(body)) };
    const ended = driven(host, async () => {
      const reply = await instance.respond?.(call, controller.signal);
      const iterator = reply?.body[Symbol.asyncIterator]();
      await iterator?.next();
      controller.abort(new Error('the client has left'));
      for (let count = 0; count < 10_000; count++) if ((await iterator?.next())?.done) return;
      throw new Error('it went on sending after the abort');
    });
    await ended.catch((error: Error) => expect(error.message === 'the client has left', () => error.message));
  });
}

/** Runs the work while time passes: a simulated vendor waits on the host's clock. */
async function driven<T>(host: FakeHost, work: () => Promise<T>): Promise<T> {
  let isDone = false;
  const result = within(5_000, work).finally(() => {
    isDone = true;
  });
  result.catch(() => {});
  while (!isDone) await host.advance(1_000);
  return result;
}

const maxChunks = 100_000;

async function textOf(body: AsyncIterable<Uint8Array> | undefined): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  let chunks = 0;
  for await (const chunk of body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    // A body that never ends would otherwise keep the deadline's timer from its turn.
    expect(++chunks <= maxChunks, () => `the answer to a plain request has more than ${maxChunks} chunks`);
  }
  return text + decoder.decode();
}
