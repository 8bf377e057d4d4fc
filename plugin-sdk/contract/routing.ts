/** What the kernel tells of routing, and does for it. */
import type { Decision } from './decision.ts';
import type { RequestContext } from './request.ts';

/** How one group that a caller may ask for is routed. */
export interface RoutedGroup {
  readonly name: string;
  /** Names of the instances that are asked, in order. */
  readonly strategies: readonly string[];
  readonly deployments: number;
  /** Set for a list of groups: those that the caller may use. */
  readonly groups?: readonly string[];
}

export interface RoutingInfo {
  readonly generation: number;
  /** Every strategy of the composition, by instance. */
  readonly strategies: readonly {
    readonly name: string;
    readonly plugin: string;
    readonly version: string;
    /** Model groups it serves; all when absent. */
    readonly for?: readonly string[];
  }[];
  readonly groups: readonly RoutedGroup[];
  readonly experiments: readonly ComparedExperiment[];
}

/** An experiment of the configuration, as it stands now. */
export interface ComparedExperiment {
  readonly name: string;
  /** Groups it is about; all when absent. */
  readonly models?: readonly string[];
  readonly variants: readonly {
    readonly name: string;
    /** Absent for what is configured without the experiment. */
    readonly strategy?: string;
    readonly configuredWeight: number;
    readonly weight: number;
    /** Why it is switched off. */
    readonly off?: string;
  }[];
  /** What strategies beside the requests have said, counted by this process. */
  readonly shadows: readonly {
    readonly strategy: string;
    readonly asked: number;
    /** Times it would have chosen the same model. */
    readonly agreed: number;
    readonly silent: number;
    /** Times too many were under way. */
    readonly skipped: number;
  }[];
}

/** What stands over the configuration of an experiment. */
export interface Steering {
  /** By variant; configured ones where they are absent. */
  readonly weights?: Readonly<Record<string, number>>;
  /** Variants that are given to nobody, with the reason of each; the first that is not among them stands in. */
  readonly off: Readonly<Record<string, string>>;
}

/** Decisions without calls. Provided by the kernel. */
export interface Routing {
  /**
   * What would be chosen for the body of a chat request, by the caller's rights; nothing is called, charged or counted.
   * Throws what the request itself would be refused with.
   */
  decide(context: RequestContext, body: Readonly<Record<string, unknown>>): Promise<Decision>;
  /** Replaces what stands over an experiment's configuration, from the next request of this process on. */
  steer(experiment: string, steering: Steering): void;
  /** How groups are routed, as far as the caller may ask for them. */
  info(context: RequestContext): RoutingInfo;
}
