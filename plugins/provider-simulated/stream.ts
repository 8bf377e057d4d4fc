/** A stream as bytes, at the script's pace and with the script's faults. */
import type { Clock } from '@rutter/plugin-sdk';
import type { Script } from './script.ts';
import { errorBody, type Piece } from './wire.ts';

/** Longer than any deadline: the other side is to give up first. */
const foreverMs = 86_400_000;

export interface Pace {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly script: Script;
  /** When the request came, on the monotonic clock. */
  readonly startedMs: number;
}

const encoder = new TextEncoder();

export async function* streamed(pieces: Iterable<Piece>, pace: Pace): AsyncGenerator<Uint8Array> {
  for await (const text of faulty(pieces, pace)) {
    const bytes = encoder.encode(text);
    const { chunkBytes = bytes.length } = pace.script;
    for (let start = 0; start < bytes.length; start += chunkBytes) yield bytes.subarray(start, start + chunkBytes);
  }
}

async function* faulty(pieces: Iterable<Piece>, { clock, signal, script, startedMs }: Pace): AsyncGenerator<string> {
  const firstMs = startedMs + Math.max(script.firstTokenMs ?? 0, script.latencyMs ?? 0);
  const betweenMs = 1_000 / (script.tokensPerSecond ?? Number.POSITIVE_INFINITY);
  let sent = 0;
  for (const { event, isToken } of pieces) {
    if (isToken) {
      if (sent === script.stallAfterTokens) await clock.sleep(foreverMs, signal);
      if (sent === script.cutAfterTokens) return;
      if (sent === script.garbageAfterTokens) yield 'data: {"choices": [{"delta": }\n\n';
      if (sent === script.errorAfterTokens) {
        yield eventText(
          errorBody(script.errorMessage ?? 'The simulated model broke down.', script.errorCode ?? null, 500),
        );
        return;
      }
      const waitMs = firstMs + sent * betweenMs - clock.monotonic();
      if (waitMs > 0) await clock.sleep(waitMs, signal);
      sent++;
    }
    signal.throwIfAborted();
    yield eventText(event);
  }
  yield 'data: [DONE]\n\n';
}

const eventText = (event: object) => `data: ${JSON.stringify(event)}\n\n`;

/** A whole body, with the script's faults: those that come after tokens come half-way through it. */
export async function* wholeBody(body: object, { clock, signal, script }: Pace): AsyncGenerator<Uint8Array> {
  const text = JSON.stringify(body);
  const half = text.slice(0, text.length / 2);
  if (script.stallAfterTokens !== undefined) {
    yield encoder.encode(half);
    await clock.sleep(foreverMs, signal);
  }
  if (script.garbageAfterTokens !== undefined) yield encoder.encode(`${half}<html>bad gateway</html>`);
  else yield encoder.encode(script.cutAfterTokens === undefined ? text : half);
}
