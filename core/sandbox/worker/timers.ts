/** Timers of a plugin outside of the gateway's own thread: the gateway tells it when their turn has come. */
import type { Clock, Log } from '@rutter/plugin-sdk';
import { Timers } from '../../plugins/timers.ts';
import type { Offer } from '../kinds.ts';
import type { Resident } from '../resident.ts';

interface Asked {
  readonly resident: Resident;
  readonly clock: Clock;
  readonly log: Log;
  /** How long one turn may take. */
  readonly ms: number;
}

/** A turn that fails is logged and is no fall: no request was about it. */
export function startTimers({ timers }: Pick<Offer, 'timers'>, { resident, clock, log, ms }: Asked): Timers {
  const running = new Timers(clock, (error) => log.error({ error: String(error) }, 'a timer task failed'));
  for (const [timer, every] of timers.entries())
    running.every(Math.max(every, 1), async () => {
      if (resident.status.state === 'running') await resident.ask('tick', { timer }, { ms: Math.max(ms, 5000) });
    });
  return running;
}
