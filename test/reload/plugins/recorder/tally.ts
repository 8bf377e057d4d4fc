/** What all instances of a process have seen, whichever generation and whichever packed text they belong to. */
import type { RequestContext } from '@rutter/plugin-sdk';

interface Tally {
  setUp: number;
  disposed: number;
  settled: number;
  /** Times a hook was entered. */
  noted: number;
  /** Requests that met two generations, or two instances of one plugin. */
  readonly mixed: string[];
  /** Samples of each deployment, as a request last saw them. */
  readonly samples: Record<string, number>;
}

interface Shared {
  readonly tally: Tally;
  readonly underway: Map<string, { readonly generation: number; readonly instances: Map<string, number> }>;
}

const mostMixed = 20;
const place = Symbol.for('rutter.test.tally');
const holder = globalThis as typeof globalThis & { [place]?: Shared };
holder[place] ??= {
  tally: { setUp: 0, disposed: 0, settled: 0, noted: 0, mixed: [], samples: {} },
  underway: new Map(),
};
const { tally, underway } = holder[place];

export { tally };

/** Requests that have been seen and not settled. */
export const openRequests = (): number => underway.size;

/** One hook of a request, entered by one instance of a plugin. */
export function note(context: RequestContext, hook: string, [plugin, instance]: readonly [string, number]): void {
  tally.noted += 1;
  const known = underway.get(context.id) ?? { generation: context.generation, instances: new Map<string, number>() };
  underway.set(context.id, known);
  const before = known.instances.get(plugin) ?? instance;
  known.instances.set(plugin, before);
  if ((known.generation === context.generation && before === instance) || tally.mixed.length >= mostMixed) return;
  tally.mixed.push(
    `${context.id} at ${hook}: generation ${known.generation} and ${context.generation}, ${plugin} ${before} and ${instance}`,
  );
}

export function settled(context: RequestContext): void {
  tally.settled += 1;
  underway.delete(context.id);
}
