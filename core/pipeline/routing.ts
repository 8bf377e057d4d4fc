/**
 * What steers one call, setting by setting: what the request says itself,
 * else its principal, else the deployment and the configuration.
 *
 * Of retries LiteLLM's order is another one: the deployment's number and the
 * policies stand over the request's.
 */
import type { ErrorClass } from '@rutter/plugin-sdk';
import type { ModelCall } from './model-call.ts';
import type { Group, Target } from './models.ts';

/** Tries after the first. */
export const retriesOf = ({ controls, facts, path }: ModelCall, target?: Target): number =>
  target?.settings.numRetries ??
  controls.numRetries ??
  facts.principal.routing?.numRetries ??
  path.configuration.router.numRetries;

/** What the policies say of a class; a class they leave out has no number. The principal's replaces the general one. */
export function policyOf({ facts, path }: ModelCall, group: Group, name: ErrorClass): number | undefined {
  const { router } = path.configuration;
  const general = facts.principal.routing?.retryPolicy ?? router.retryPolicy;
  return router.modelGroupRetryPolicy.get(group.name)?.[name] ?? general?.[name];
}

/** The whole call, in milliseconds. */
export const timeoutOf = ({ controls, facts, path }: ModelCall, target?: Target): number =>
  controls.timeoutMs ??
  facts.principal.routing?.timeoutMs ??
  target?.settings.timeoutMs ??
  path.configuration.router.timeoutMs;

/** To the first content of a stream, in milliseconds; undefined where nobody says. */
export const streamTimeoutOf = ({ controls, facts, path }: ModelCall, target: Target): number | undefined =>
  controls.streamTimeoutMs ??
  facts.principal.routing?.streamTimeoutMs ??
  target.settings.streamTimeoutMs ??
  path.configuration.router.streamTimeoutMs;

/** Whether others may stand in: groups, and deployments of a higher order. */
export const fallsBack = ({ controls, facts }: ModelCall): boolean =>
  !(controls.disableFallbacks ?? facts.principal.routing?.disableFallbacks);
