/**
 * The host of a trusted plugin in a worker thread: as in the sandbox, and
 * timers, its folder and the embedder besides, where its manifest asks for
 * them.
 */
import { type Embedder, type Host, RutterError, type Services } from '@rutter/plugin-sdk';
import type { Ask } from '../guest/asks.ts';
import {
  type Abilities,
  type GuestHost,
  type GuestSetUp,
  type GuestTime,
  guestHost,
  type Timer,
} from '../guest/host.ts';

const mostTimers = 64;

export function workerHost(given: GuestSetUp, time: GuestTime, ask: Ask): GuestHost {
  return guestHost(given, { time, ask, abilities: abilitiesOf(given, ask) });
}

function abilitiesOf({ name, trusted }: GuestSetUp, ask: Ask): Abilities {
  const timers: Timer[] = [];
  const refuse = (what: string) =>
    new RutterError('ERR_PLUGIN_INVALID', `Plugin "${name}" used ${what}, which it does not have in a worker.`);
  return {
    timers,
    get dataFolder(): string {
      if (trusted?.dataFolder === undefined) throw refuse('host.dataFolder without "files" in its "needs"');
      return trusted.dataFolder;
    },
    every(ms: number, task: () => unknown) {
      if (!(ms >= 1) || timers.length >= mostTimers) throw refuse(`host.every(${ms}) beside ${timers.length} timers`);
      const timer = { ms, task };
      const place = timers.push(timer) - 1;
      // Its turns go on coming, to nothing.
      return () => {
        timers[place] = { ms, task: () => {} };
      };
    },
    use<S extends keyof Services>(service: S): Services[S] {
      if (service === 'embedder' && trusted?.embedder) return embedderOf(trusted.embedder, ask) as Services[S];
      throw refuse(`host.use("${service}")`);
    },
  } satisfies Abilities & Pick<Host, 'every'>;
}

const embedderOf = (about: Pick<Embedder, 'dimensions' | 'version'>, ask: Ask): Embedder => ({
  ...about,
  embed: async (texts) => (await ask('embed', { texts })) as Float32Array[],
});
