/**
 * Bridges between what the kernel serves and what plugins in a loop see: a
 * CallResult that is collected, streamed or passed on untouched.
 */
import type { CallResult, ChatEvent, ChatReply } from '@rutter/plugin-sdk';
import { RutterError } from '@rutter/plugin-sdk';
import { collectEvents, replyEvents } from '@rutter/plugin-sdk/codecs';
import type { Transfer } from '../attempts/transfer.ts';
import type { Served } from './served.ts';

const served = new WeakMap<CallResult, Served>();

/** Most events kept for a slow reader before the vendor is asked to wait. */
const queueLimit = 256;

export function asResult(answer: Served): CallResult {
  const result: CallResult = {
    deployment: answer.kind === 'transfer' || answer.target ? answer.target?.deployment : undefined,
    reply: () => wholeReply(answer),
    events: () => eventsOf(answer),
  };
  served.set(result, answer);
  return result;
}

/** What the kernel had given a plugin, when it comes back as it was. */
export const untouched = (result: CallResult | AsyncIterable<ChatEvent>): Served | undefined =>
  served.get(result as CallResult);

export async function wholeReply(answer: Served): Promise<ChatReply> {
  if (answer.kind === 'reply') return answer.reply;
  if (answer.kind === 'transfer' && answer.transfer.decoded?.chat) return answer.transfer.decoded.chat;
  return collectEvents(eventsOf(answer));
}

export function eventsOf(answer: Served): AsyncIterable<ChatEvent> {
  if (answer.kind === 'events') return answer.events;
  if (answer.kind === 'reply') return iterate(replyEvents(answer.reply));
  if (answer.kind === 'transfer' && answer.form === 'events') return transferEvents(answer.transfer);
  if (answer.kind === 'transfer' && answer.transfer.decoded?.chat)
    return iterate(replyEvents(answer.transfer.decoded.chat));
  throw new RutterError('ERR_KERNEL_INTERNAL', 'This reply has no chat form.');
}

async function* iterate(events: readonly ChatEvent[]): AsyncGenerator<ChatEvent> {
  yield* events;
}

/** A transfer as an iterator; ending the iteration early closes the upstream. */
async function* transferEvents(transfer: Transfer): AsyncGenerator<ChatEvent> {
  const queue: ChatEvent[] = [];
  let wake: (() => void) | undefined;
  let failure: RutterError | undefined;
  let isDone = false;
  const signal = () => {
    wake?.();
    wake = undefined;
  };
  transfer.flow({
    bytes: () => {},
    events: (events) => {
      queue.push(...events);
      if (queue.length > queueLimit) transfer.pause();
      signal();
    },
    end: () => {
      isDone = true;
      signal();
    },
    fail: (error) => {
      failure = error;
      signal();
    },
  });
  try {
    for (;;) {
      while (queue.length > 0) yield queue.shift() as ChatEvent;
      transfer.resume();
      if (failure) throw failure;
      if (isDone) return;
      if (queue.length > 0) continue;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  } finally {
    transfer.abort(new RutterError('ERR_REQUEST_ABORTED', 'The reader of this stream stopped before its end.'));
  }
}
