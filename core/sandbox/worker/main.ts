/**
 * The program of a worker thread: one trusted plugin on this side, the gateway
 * on the other side of a message port. What it does not get is the gateway's
 * event loop.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { evaluatePacked, type PackedText } from '@rutter/plugin-sdk/pack';
import type { Frame } from '../child/frames.ts';
import { createDispatch } from '../guest/dispatch.ts';
import { workerHost } from './host.ts';
import { machineMs } from './machine-time.ts';

/** Questions that the gateway has not answered yet. */
const mostAsks = 1024;
/** A call that found less of its time left than this has waited for others, and is not to blame for being late. */
const mostOfIt = 0.9;

const port = parentPort as NonNullable<typeof parentPort>;
const about = workerData as Omit<PackedText, 'text'>;
let asking = 0;

const send = (header: object, payload = '') => port.postMessage({ header, payload });
const dispatch = createDispatch({
  evaluate: (text) => evaluatePacked({ ...about, text }),
  makeHost: (ask) => (given, time) => workerHost(given, time, ask),
  tell(text) {
    if (asking >= mostAsks) return false;
    asking += 1;
    send({ t: 'ask' }, text);
    return true;
  },
});

port.on('message', ({ header, payload }: Frame) => {
  if (header.t === 'call') void call(header, payload);
  else if (header.t === 'answer') {
    asking -= 1;
    void dispatch(payload);
  }
});
send({ t: 'opened' });

async function call({ id, ms, until, most }: Frame['header'], payload: string): Promise<void> {
  const left = Number(until) - machineMs();
  // Nobody waits for it any more: those behind it are served the sooner.
  if (left <= 0) return send({ t: 'fell', id, fall: 'waited' });
  const answer = dispatch(payload);
  const text = typeof answer === 'string' ? answer : await within(answer, left);
  if (text === undefined) send({ t: 'fell', id, fall: left < Number(ms) * mostOfIt ? 'waited' : 'late' });
  else if (text.length > Number(most)) send({ t: 'fell', id, fall: 'huge' });
  else send({ t: 'done', id }, text);
}

/** Undefined when it is late; what comes of it then is nobody's. */
async function within(answer: Promise<string>, ms: number): Promise<string | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
