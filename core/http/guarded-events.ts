/**
 * A stream's events on their way through the stream guards, in order. A guard
 * may hold text back, but no more than it said it would; one that fails stops
 * the stream, since it must not let anything through by failing.
 */
import { type ChatEvent, type Guard, type RequestContext, RutterError, type StreamGuard } from '@rutter/plugin-sdk';
import type { Held } from '../pipeline/path.ts';
import type { AskedAhead, StreamWatch } from '../plugins/types.ts';

interface Watching {
  readonly instance: Held<Guard>['instance'];
  readonly guard: StreamGuard | StreamWatch;
  /** What went in and has not come out, by strand. */
  readonly held: Map<string, number>;
}

type Passed = readonly ChatEvent[] | Promise<readonly ChatEvent[]>;

type OnFault = (instance: Held<Guard>['instance'], error: unknown) => void;

export class GuardedEvents {
  readonly #guards: readonly Watching[];
  readonly #onFault: OnFault;

  constructor(guards: readonly Held<Guard>[], context: RequestContext, onFault: OnFault) {
    this.#onFault = onFault;
    this.#guards = guards.flatMap(({ instance, value }) => {
      const guard = this.#ask(instance, () => watcherOf(value, context));
      return guard === undefined ? [] : [{ instance, guard, held: new Map() }];
    });
  }

  /** A promise only where a guard answers later; it is waited for ahead of the next event. */
  push(event: ChatEvent): Passed {
    if (this.#guards.length === 0) return [event];
    return this.#through([event], 0);
  }

  /** What the guards still held, each one's passing through those after it. */
  async end(): Promise<readonly ChatEvent[]> {
    const out: ChatEvent[] = [];
    for (const [index, { instance, guard }] of this.#guards.entries()) {
      const last = await this.#ask(instance, async () => checkedEvents(await guard.end()));
      out.push(...(await this.#through(last, index + 1)));
    }
    return out;
  }

  /** The stream is over, however it ended. */
  close(): void {
    for (const { guard } of this.#guards) if ('close' in guard) guard.close();
  }

  #through(events: readonly ChatEvent[], from: number): Passed {
    let passing: Passed = events;
    for (const entry of this.#guards.slice(from)) {
      const step = (some: readonly ChatEvent[]) => this.#ask(entry.instance, () => pushAll(entry, some));
      passing = passing instanceof Promise ? passing.then(step) : step(passing);
    }
    return passing;
  }

  #ask<T>(instance: Watching['instance'], run: () => T): T {
    const failed = (error: unknown): never => {
      // A guard that refuses does its work; anything else is a fault of its own.
      if (RutterError.is(error) && error.status < 500) throw error;
      this.#onFault(instance, error);
      if (RutterError.is(error)) throw error;
      throw new RutterError('ERR_PLUGIN_FAILED', `Guard ${instance.name} failed; the stream was stopped.`, {
        cause: error,
      });
    };
    try {
      const result = run();
      return result instanceof Promise ? (result.catch(failed) as T) : result;
    } catch (error) {
      return failed(error);
    }
  }
}

const watcherOf = (value: Guard & AskedAhead, context: RequestContext) =>
  value.watch ? value.watch(context) : value.events?.(context);

function pushAll(entry: Watching, events: readonly ChatEvent[]): Passed {
  const out: ChatEvent[] = [];
  for (const [index, event] of events.entries()) {
    const passed = entry.guard.push(event);
    if (passed instanceof Promise) return restLater(entry, { out, events: events.slice(index), passed });
    out.push(...checkedStep(entry, event, passed));
  }
  return out;
}

interface Rest {
  readonly out: ChatEvent[];
  /** The first is the one whose answer is on its way. */
  readonly events: readonly ChatEvent[];
  readonly passed: Promise<readonly ChatEvent[]>;
}

async function restLater(entry: Watching, { out, events, passed }: Rest): Promise<readonly ChatEvent[]> {
  for (const [index, event] of events.entries())
    out.push(...checkedStep(entry, event, await (index === 0 ? passed : entry.guard.push(event))));
  return out;
}

/** What a guard let pass, where it holds no more back than it said. */
function checkedStep(entry: Watching, event: ChatEvent, found: readonly ChatEvent[]): readonly ChatEvent[] {
  const { guard, instance } = entry;
  const passed = checkedEvents(found);
  const counted = count(entry.held, event, passed);
  // A guard that shortens text knows better: what it has taken out is not held back.
  const held = guard.held ?? counted;
  if (!(held <= guard.holdBack))
    throw new RutterError(
      'ERR_PLUGIN_INVALID',
      `The stream guard of ${instance.name} holds back ${held} characters; it said at most ${guard.holdBack}.`,
    );
  return passed;
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
