/**
 * A stream's events on their way through the stream guards, in order. A guard
 * may hold text back, but no more than it said it would.
 */
import { type ChatEvent, RutterError, type StreamGuard } from '@rutter/plugin-sdk';

export class GuardedEvents {
  readonly #guards: readonly { readonly guard: StreamGuard; held: number }[];

  constructor(guards: readonly StreamGuard[]) {
    this.#guards = guards.map((guard) => ({ guard, held: 0 }));
  }

  push(event: ChatEvent): readonly ChatEvent[] {
    if (this.#guards.length === 0) return [event];
    return this.#through([event], 0);
  }

  /** What the guards still held, each one's passing through those after it. */
  end(): readonly ChatEvent[] {
    const out: ChatEvent[] = [];
    for (const [index, { guard }] of this.#guards.entries())
      out.push(...this.#through(checkedEvents(guard.end()), index + 1));
    return out;
  }

  #through(events: readonly ChatEvent[], from: number): readonly ChatEvent[] {
    let passing = events;
    for (const entry of this.#guards.slice(from)) {
      const next: ChatEvent[] = [];
      for (const event of passing) {
        const out = checkedEvents(entry.guard.push(event));
        entry.held += length([event]) - length(out);
        next.push(...out);
      }
      // A guard that shortens text knows better: what it has taken out is not held back.
      entry.held = entry.guard.held ?? entry.held;
      if (entry.held > entry.guard.holdBack)
        throw new RutterError(
          'ERR_PLUGIN_INVALID',
          `A stream guard holds back ${entry.held} characters; it said at most ${entry.guard.holdBack}.`,
        );
      // A guard that adds text, a redaction mark for instance, holds nothing back.
      if (entry.held < 0) entry.held = 0;
      passing = next;
    }
    return passing;
  }
}

function checkedEvents(events: readonly ChatEvent[]): readonly ChatEvent[] {
  if (!Array.isArray(events))
    throw new RutterError(
      'ERR_PLUGIN_INVALID',
      `A stream guard returned ${typeof events}; expected an array of events.`,
    );
  return events;
}

function length(events: readonly ChatEvent[]): number {
  let sum = 0;
  for (const event of events)
    if (event.type === 'text-delta' || event.type === 'refusal-delta' || event.type === 'reasoning-delta')
      sum += event.text.length;
  return sum;
}
