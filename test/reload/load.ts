/** Callers that never pause: each asks again as soon as it has been answered, or as soon as the pace allows it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { streamedText } from '../support/index.ts';

export interface LoadOptions {
  readonly url: string;
  readonly model: string;
  /** Requests at once; every fourth of them is a stream. */
  readonly concurrency: number;
  /** What every reply must say. */
  readonly text: string;
  /** Requests a second, evenly; as many as are answered when absent. */
  readonly perSecond?: number;
}

export interface Load {
  /** Requests that were answered as they should be. */
  readonly answered: number;
  /** What went wrong, the first few in words. */
  readonly failures: readonly string[];
  /** Resolves when every request under way has been answered. */
  stop(): Promise<void>;
}

const mostFailures = 10;

export function startLoad({ url, model, concurrency, text, perSecond }: LoadOptions): Load {
  const failures: string[] = [];
  let answered = 0;
  let isStopped = false;
  const startedMs = performance.now();
  let begun = 0;
  const myTurn = async () => {
    begun += 1;
    const dueMs = perSecond === undefined ? 0 : startedMs + (begun * 1000) / perSecond;
    const ms = dueMs - performance.now();
    if (ms > 0) await sleep(ms);
  };
  const ask = async (stream: boolean) => {
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model, stream, messages: [{ role: 'user', content: 'hello' }] }),
    });
    const body = await response.text();
    if (response.status !== 200) throw new Error(`status ${response.status}: ${body.slice(0, 300)}`);
    if (stream && !body.includes('data: [DONE]')) throw new Error(`a stream without its end: ${body.slice(-300)}`);
    const said = stream ? streamedText(body) : contentOf(body);
    if (said !== text) throw new Error(`"${said}" in place of "${text}"`);
  };
  const run = async (index: number) => {
    // Not all in the same moment, and not in step.
    await sleep(index);
    for (;;) {
      await myTurn();
      if (isStopped) return;
      try {
        await ask(index % 4 === 0);
        answered += 1;
      } catch (error) {
        const { message, cause } = error as Error;
        if (failures.length < mostFailures) failures.push(`${message} ${cause instanceof Error ? cause.message : ''}`);
        // A gateway that refuses everything must not be asked a million times.
        await sleep(50);
      }
    }
  };
  const running = Promise.all(Array.from({ length: concurrency }, (_none, index) => run(index)));
  return {
    failures,
    get answered() {
      return answered;
    },
    async stop() {
      isStopped = true;
      await running;
    },
  };
}

const contentOf = (body: string) =>
  (JSON.parse(body) as { choices: { message: { content: string } }[] }).choices[0]?.message.content;
