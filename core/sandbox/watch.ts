/**
 * A stream guard of the sandbox: each event is shown to it and comes back, or
 * is held back, before the next one is.
 */
import { type ChatEvent, type RequestContext, RutterError } from '@rutter/plugin-sdk';
import type { StreamWatch } from '../plugins/types.ts';
import { GuestStream } from './guest-stream.ts';
import type { Shown } from './plain.ts';
import type { Asking, Resident } from './resident.ts';
import { wordEventsOf } from './vendor-shapes.ts';

interface Watched {
  readonly events: readonly ChatEvent[];
  readonly holdBack: number;
  readonly held: number | undefined;
}

export interface Watching {
  readonly resident: Resident;
  readonly shown: Shown;
  readonly ms: number;
}

/** What was used and which model answers stays as the vendor said: such events pass unseen. */
const isOfTheVendor = ({ type }: ChatEvent) => type === 'start' || type === 'usage' || type === 'other';

export function watchStream({ resident, shown, ms }: Watching, context: RequestContext): StreamWatch {
  const asking: Asking = { ms, context, mayRefuse: 'guard' };
  const stream = new GuestStream(resident, { ask: 'watch', close: 'closeWatch' }, { context: shown.context(context) });
  let last: Watched = { events: [], holdBack: 0, held: undefined };
  // Choices that have ended for the vendor and not yet for the reader.
  const ending = new Set<number>();
  const ask = async (step: object, isLast = false): Promise<readonly ChatEvent[]> => {
    last = await stream.ask(step, asking, (answer) => {
      const watched = watchedOf(answer, ending);
      if (isLast && ending.size > 0)
        throw new RutterError('ERR_PLUGIN_INVALID', 'its watcher kept the end of a stream');
      return watched;
    });
    return last.events;
  };
  return {
    get holdBack() {
      return last.holdBack;
    },
    get held() {
      return last.held;
    },
    push: async (event) => {
      if (isOfTheVendor(event)) return [event];
      if (event.type === 'end') ending.add(event.choice ?? 0);
      return ask({ event });
    },
    end: () => ask({}, true),
    close: () => stream.close(),
  };
}

function watchedOf(answer: unknown, ending: Set<number>): Watched {
  const { events, holdBack, held } = (answer ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof holdBack !== 'number' || !(holdBack >= 0) || !(held === undefined || typeof held === 'number'))
    throw new RutterError('ERR_PLUGIN_INVALID', 'its watcher does not say how much it holds back');
  const passed = wordEventsOf(events);
  for (const event of passed)
    if (event.type === 'end' && !ending.delete(event.choice ?? 0))
      throw new RutterError('ERR_PLUGIN_INVALID', 'its watcher ended a stream that has not ended');
  return { events: passed, holdBack, held };
}
