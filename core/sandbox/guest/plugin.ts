/** The plugin in its isolate: loaded, set up, and asked. */
import {
  type Candidate,
  type ChatEvent,
  type ChatReply,
  type Deployment,
  type Embedder,
  type Facets,
  type Guard,
  type KernelEvent,
  type KeyedCache,
  type LiveNumbers,
  type Observer,
  type Outcome,
  type PluginDefinition,
  type Provider,
  type Ranking,
  type RequestContext,
  RutterError,
  type Strategy,
  type StreamGuard,
  z,
} from '@rutter/plugin-sdk';
import { tellUnportable, unportableIn } from '@rutter/plugin-sdk/portable';
import type { Ask } from './asks.ts';
import { Codecs, describeProvider } from './codecs.ts';
import { Contexts, callOf, type PlainCall, type PlainContext } from './context.ts';
import type { GuestHost, GuestSetUp, GuestTime, MakeHost } from './host.ts';
import { type StreamStep, Streams } from './streams.ts';

type Value = Strategy & Guard & Observer & Embedder & Provider & Pick<KeyedCache, 'key' | 'ttlMs'> & Facets;

interface RankArgument {
  readonly context: PlainContext;
  /** Those the guest has not seen yet, by number. */
  readonly fresh: ReadonlyMap<number, Deployment>;
  readonly candidates: readonly { readonly deployment: number; readonly live: LiveNumbers }[];
}

interface WatchStep extends StreamStep {
  readonly event?: ChatEvent;
}

interface KeyArgument {
  readonly context: PlainContext;
  readonly call: PlainCall;
  readonly digest: string;
}

type Methods = Readonly<Record<string, (argument: never, call: number) => unknown>>;

/** Runs a packed text and gives what it exports by default. */
export type Loader = (text: string) => unknown;

export class Plugin {
  readonly time: GuestTime = { now: 0, monotonic: 0 };
  readonly #evaluate: Loader;
  readonly #makeHost: MakeHost;
  readonly #contexts: Contexts;
  readonly #deployments = new Map<number, Deployment>();
  readonly #watchers = new Streams<StreamGuard>();
  #definition: PluginDefinition | undefined;
  #host: GuestHost | undefined;
  #value: Value | undefined;
  /** Features the plugin has looked for, for the gateway to send along. */
  readonly #looked = new Set<string>();

  constructor({
    evaluate,
    makeHost,
    ask,
  }: { readonly evaluate: Loader; readonly makeHost: MakeHost; readonly ask: Ask }) {
    this.#evaluate = evaluate;
    this.#makeHost = makeHost;
    this.#contexts = new Contexts(ask, this.#looked);
  }

  /** A call has its answer. */
  answered(call: number): void {
    this.#contexts.answered(call);
  }

  methods(): Methods {
    const value = () => this.#value as Value;
    return {
      load: (argument: { readonly text: string }) => this.#load(argument.text),
      check: (argument: { readonly config: unknown }) => this.#check(argument.config),
      setUp: (argument: GuestSetUp & { readonly config: unknown }) => this.#setUp(argument),
      rank: (argument: RankArgument, call: number) => this.#rank(argument, call),
      filter: (argument: RankArgument, call: number) => this.#filter(argument, call),
      observe: (outcome: Outcome) => value().observe?.(this.#outcome(outcome)),
      settled: (outcome: Outcome) => value().settled?.(this.#outcome(outcome)),
      changed: (event: KernelEvent) => value().changed?.(event),
      authorise: (argument: { context: PlainContext; call: PlainCall; groups: readonly string[] }, call: number) =>
        value().authorise?.(this.#context(argument.context, call), callOf(argument.call), argument.groups),
      checkRequest: (argument: { context: PlainContext; call: PlainCall }, call: number) =>
        value().checkRequest?.(this.#context(argument.context, call), callOf(argument.call)),
      checkReply: (argument: { context: PlainContext; reply: ChatReply }, call: number) =>
        value().checkReply?.(this.#context(argument.context, call), argument.reply),
      watch: (step: WatchStep, call: number) => this.#watch(step, call),
      key: (argument: KeyArgument, call: number) => this.#key(argument, call),
      closeWatch: ({ stream }: StreamStep) => this.#watchers.close(stream),
      embed: (argument: { readonly texts: readonly string[] }) => value().embed(argument.texts),
      feature: (argument: { name: string; context: PlainContext; text: string }, call: number) =>
        this.#host?.features.get(argument.name)?.compute(this.#context(argument.context, call), argument.text),
      ...new Codecs(() => this.#value ?? {}).methods(),
      health: () => value().health?.(),
      tick: (argument: { readonly timer: number }) => this.#host?.timers[argument.timer]?.task(),
      kept: () => this.#host?.kept,
      dispose: () => value().dispose?.(),
    } as Methods;
  }

  /** Runs the packed text and describes what it defines. */
  #load(text: string): unknown {
    const found = this.#evaluate(text);
    // Not awaited where it is there: time is counted of what runs within the call itself.
    return found instanceof Promise ? found.then((later) => this.#describe(later)) : this.#describe(found);
  }

  #describe(found: unknown): unknown {
    const definition = found as Partial<PluginDefinition> | undefined;
    if (typeof definition?.setup !== 'function' || typeof definition.config?.safeParse !== 'function')
      throw new RutterError(
        'ERR_PLUGIN_INVALID',
        'It has no default export made by definePlugin({ kind, config, setup }).',
      );
    this.#definition = definition as PluginDefinition;
    return {
      kind: definition.kind,
      config: z.toJSONSchema(definition.config, { io: 'input', unrepresentable: 'any' }),
      unportable: unportableIn(definition.config).map(tellUnportable),
    };
  }

  #check(config: unknown): { readonly issues: readonly unknown[]; readonly config: unknown } {
    const parsed = this.#defined().config.safeParse(config);
    return { issues: parsed.error?.issues ?? [], config: parsed.data };
  }

  async #setUp({ config, ...given }: GuestSetUp & { readonly config: unknown }): Promise<unknown> {
    const checked = this.#check(config);
    this.#host = this.#makeHost(given, this.time);
    const value = (await this.#defined().setup(this.#host.host, checked.config as never)) as unknown as Value;
    if (typeof value !== 'object' || value === null)
      throw new RutterError('ERR_PLUGIN_INVALID', `It returned ${value === null ? 'null' : typeof value} from setup.`);
    this.#value = value;
    const { dimensions, version, mode, ttlMs } = value;
    return {
      parts: partsOf(value),
      features: Array.from(this.#host.features, ([name, { timeoutMs }]) => ({ name, timeoutMs })),
      timers: this.#host.timers.map(({ ms }) => ms),
      embedder: { dimensions, version },
      mode,
      ttlMs,
      ...(this.#defined().kind === 'provider' && { provider: describeProvider(value) }),
    };
  }

  async #rank(argument: RankArgument, call: number): Promise<unknown> {
    const context = this.#context(argument.context, call);
    const candidates = this.#candidates(argument);
    const value = this.#value as Value;
    if (value.prepare) await value.prepare(context);
    const ranking = value.select(context, candidates);
    return { ranking: placesOf(ranking, candidates), looked: [...this.#looked] };
  }

  async #key({ context, call: asked, digest }: KeyArgument, call: number): Promise<unknown> {
    const key = await (this.#value as Value).key(this.#context(context, call), callOf(asked), () => digest);
    return { key, looked: [...this.#looked] };
  }

  #filter(argument: RankArgument, call: number): unknown {
    const candidates = this.#candidates(argument);
    const kept = (this.#value as Value).filter?.(this.#context(argument.context, call), candidates);
    return kept?.map((one) => candidates.indexOf(one));
  }

  /** One event of a stream, or its end where there is none. */
  #watch(step: WatchStep, call: number): unknown {
    const watcher = this.#watchers.of(step, (open: { readonly context: PlainContext }) => {
      const made = (this.#value as Value).events?.(this.#context(open.context, call));
      if (made === undefined) throw new RutterError('ERR_PLUGIN_INVALID', 'It returned no watcher from events.');
      return made;
    });
    const events = step.event === undefined ? watcher.end() : watcher.push(step.event);
    return { events, holdBack: watcher.holdBack, held: watcher.held };
  }

  #context(plain: PlainContext, call: number): RequestContext {
    return this.#contexts.of(plain, call);
  }

  #outcome({ context, ...outcome }: Outcome): Outcome {
    return { ...outcome, context: this.#context(context as unknown as PlainContext, 0) };
  }

  #candidates({ fresh, candidates }: RankArgument): readonly Candidate[] {
    for (const [number, deployment] of fresh) this.#deployments.set(number, Object.freeze(deployment));
    return candidates.map(({ deployment, live }) => ({
      deployment: this.#deployments.get(deployment) as Deployment,
      live,
    }));
  }

  #defined(): PluginDefinition {
    if (this.#definition === undefined) throw new RutterError('ERR_PLUGIN_INVALID', 'It has not been loaded.');
    return this.#definition;
  }
}

/** What of a plugin there is to ask. */
function partsOf(value: Value): readonly string[] {
  const names: string[] = [];
  for (const name in value) if ((value as unknown as Record<string, unknown>)[name] !== undefined) names.push(name);
  return names;
}

/** A ranking as places in the list of candidates: numbers are all that leaves. */
function placesOf(ranking: Ranking, candidates: readonly Candidate[]): unknown {
  const place = (one: Candidate) => candidates.indexOf(one);
  return ranking?.map((one) => (Array.isArray(one) ? one.map(place) : place(one as Candidate)));
}
