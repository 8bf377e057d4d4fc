/**
 * A stream's events on their way through the stream guards, in order. A guard
 * may hold text back, but no more than it said it would; one that fails stops
 * the stream, since it must not let anything through by failing.
 */
import { type ChatEvent, type Guard, type RequestContext, RutterError, type StreamGuard } from '@rutter/plugin-sdk';
import type { Held } from '../pipeline/path.ts';

interface Watching {
  readonly instance: Held<Guard>['instance'];
  readonly guard: StreamGuard;
  /** What went in and has not come out, by strand. */
  readonly held: Map<string, number>;
}

type OnFault = (instance: Held<Guard>['instance'], error: unknown) => void;

export class GuardedEvents {
  readonly #guards: readonly Watching[];
  readonly #onFault: OnFault;

  constructor(guards: readonly Held<Guard>[], context: RequestContext, onFault: OnFault) {
    this.#onFault = onFault;
    this.#guards = guards.flatMap(({ instance, value }) => {
      const guard = this.#ask(instance, () => value.events?.(context));
      return guard === undefined ? [] : [{ instance, guard, held: new Map() }];
    });
  }

  push(event: ChatEvent): readonly ChatEvent[] {
    if (this.#guards.length === 0) return [event];
    return this.#through([event], 0);
  }

  /** What the guards still held, each one's passing through those after it. */
  end(): readonly ChatEvent[] {
    const out: ChatEvent[] = [];
    for (const [index, { instance, guard }] of this.#guards.entries()) {
      const last = this.#ask(instance, () => checkedEvents(guard.end()));
      out.push(...this.#through(last, index + 1));
    }
    return out;
  }

  #through(events: readonly ChatEvent[], from: number): readonly ChatEvent[] {
    let passing = events;
    for (const entry of this.#guards.slice(from)) passing = this.#ask(entry.instance, () => pushAll(entry, passing));
    return passing;
  }

  #ask<T>(instance: Watching['instance'], run: () => T): T {
    try {
      return run();
    } catch (error) {
      // A guard that refuses does its work; anything else is a fault of its own.
      if (RutterError.is(error) && error.status < 500) throw error;
      this.#onFault(instance, error);
      if (RutterError.is(error)) throw error;
      throw new RutterError('ERR_PLUGIN_FAILED', `Guard ${instance.name} failed; the stream was stopped.`, {
        cause: error,
      });
    }
  }
}

function pushAll(entry: Watching, events: readonly ChatEvent[]): readonly ChatEvent[] {
  const { guard, instance } = entry;
  const out: ChatEvent[] = [];
  for (const event of events) {
    const passed = checkedEvents(guard.push(event));
    const counted = count(entry.held, event, passed);
    // A guard that shortens text knows better: what it has taken out is not held back.
    const held = guard.held ?? counted;
    if (!(held <= guard.holdBack))
      throw new RutterError(
        'ERR_PLUGIN_INVALID',
        `The stream guard of ${instance.name} holds back ${held} characters; it said at most ${guard.holdBack}.`,
      );
    out.push(...passed);
  }
  return out;
}

/** Characters of the event's strand that are held back after it. */
function count(held: Map<string, number>, event: ChatEvent, passed: readonly ChatEvent[]): number {
  add(held, event, 1);
  for (const one of passed) add(held, one, -1);
  return held.get(strandOf(event)) ?? 0;
}

function add(held: Map<string, number>, event: ChatEvent, sign: 1 | -1): void {
  if (event.type !== 'text-delta' && event.type !== 'refusal-delta' && event.type !== 'reasoning-delta') return;
  const strand = strandOf(event);
  // A guard that adds text, a redaction mark for instance, holds nothing back.
  held.set(strand, Math.max(0, (held.get(strand) ?? 0) + sign * event.text.length));
}

const strandOf = (event: ChatEvent) => `${event.type} ${'choice' in event ? (event.choice ?? 0) : 0}`;

function checkedEvents(events: readonly ChatEvent[]): readonly ChatEvent[] {
  if (!Array.isArray(events))
    throw new RutterError(
      'ERR_PLUGIN_INVALID',
      `A stream guard returned ${typeof events}; expected an array of events.`,
    );
  return events;
}
