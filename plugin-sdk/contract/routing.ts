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
}

/** Decisions without calls. Provided by the kernel. */
export interface Routing {
  /**
   * What would be chosen for the body of a chat request, by the caller's rights; nothing is called, charged or counted.
   * Throws what the request itself would be refused with.
   */
  decide(context: RequestContext, body: Readonly<Record<string, unknown>>): Promise<Decision>;
  /** How groups are routed, as far as the caller may ask for them. */
  info(context: RequestContext): RoutingInfo;
}
