/** A request's decisions as they are told over HTTP: facts of routing, never a word of what was asked. */
import type { DecidedCandidate, DecidingStrategy, Decision, Outcome, Principal, RoutingInfo } from '@rutter/plugin-sdk';

export interface ToldRecord {
  readonly request_id: string;
  readonly parent_id?: string | undefined;
  readonly trace_id: string;
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly generation: number;
  readonly input: {
    readonly requested_model: string;
    readonly operation: string;
    readonly principal: string;
    readonly team?: string | undefined;
  };
  readonly decisions: readonly ToldDecision[];
  readonly outcome: {
    readonly status: number;
    readonly served_by?: string | undefined;
    readonly attempts: number;
    readonly fallbacks: number;
    readonly cost_usd?: number | undefined;
    readonly duration_ms: number;
  };
}

export interface ToldDecision {
  readonly model_group: string;
  readonly strategy_name: string | undefined;
  readonly strategy_version: string | undefined;
  readonly artefact: string | undefined;
  readonly [name: string]: unknown;
}

const toldStrategy = ({ name, version, artefact, reason }: DecidingStrategy) => ({ name, version, artefact, reason });

const toldCandidate = ({ deployment, group, provider, model, score, quality, costUsd }: DecidedCandidate) => ({
  deployment,
  model_group: group,
  provider,
  model_name: model,
  score,
  expected_quality: quality,
  expected_cost_usd: costUsd,
});

export function toldDecision(decision: Decision): ToldDecision {
  const { strategies, silent, exposure, shadows } = decision;
  return {
    model_group: decision.group,
    strategy_name: strategies[0]?.name,
    strategy_version: strategies[0]?.version,
    artefact: strategies[0]?.artefact,
    strategies: strategies.map(toldStrategy),
    silent_strategies: silent.map(toldStrategy),
    selection_reason: decision.reason,
    selected_deployment: decision.chosen,
    candidate_deployments: decision.candidates.map(toldCandidate),
    candidates_left_out: decision.candidatesLeftOut,
    timings: { total_us: decision.microseconds, features_us: decision.prepareMicroseconds },
    experiment: exposure && {
      experiment_id: exposure.experiment,
      variant: exposure.variant,
      strategy: exposure.strategy,
      weight: exposure.weight,
      total_weight: exposure.totalWeight,
      hash_key_type: exposure.keyType,
      hash_bucket: exposure.bucket,
      withheld: exposure.withheld,
    },
    shadows: shadows.map(({ experiment, strategy, deployment, agrees, microseconds }) => ({
      experiment_id: experiment,
      ...{ strategy: toldStrategy(strategy), selected_deployment: deployment, agrees, total_us: microseconds },
    })),
  };
}

/** What is kept of an outcome; small, and written out only when it is asked for. */
export interface Kept {
  readonly outcome: Pick<
    Outcome,
    'requestedModel' | 'operation' | 'status' | 'fallbacks' | 'costNanoUsd' | 'durationMs'
  >;
  readonly decisions: readonly Decision[];
  readonly request: string;
  readonly parent: string | undefined;
  readonly trace: string;
  readonly at: number;
  readonly generation: number;
  readonly principal: string;
  readonly team: string | undefined;
  readonly servedBy: string | undefined;
  readonly attempts: number;
}

/** Choices kept of one request: what a loop of calls decided behind these is in the log. */
const mostDecisions = 8;
const longestName = 256;

export function keptOf(outcome: Outcome): Kept {
  const { context, requestedModel, operation, status, fallbacks, costNanoUsd, durationMs } = outcome;
  return {
    outcome: {
      requestedModel: requestedModel.slice(0, longestName),
      operation,
      status,
      fallbacks,
      costNanoUsd,
      durationMs,
    },
    decisions: (outcome.decisions ?? []).slice(0, mostDecisions),
    request: context.id,
    parent: context.parent,
    trace: context.traceId,
    at: context.receivedAt,
    generation: context.generation,
    principal: context.principal.id,
    team: context.principal.team,
    servedBy: outcome.deployment?.id,
    attempts: outcome.attempts.length,
  };
}

export function told(kept: Kept): ToldRecord {
  const { outcome } = kept;
  return {
    request_id: kept.request,
    parent_id: kept.parent,
    trace_id: kept.trace,
    at: new Date(kept.at).toISOString(),
    generation: kept.generation,
    input: {
      requested_model: outcome.requestedModel,
      operation: outcome.operation,
      principal: kept.principal,
      team: kept.team,
    },
    decisions: kept.decisions.map(toldDecision),
    outcome: {
      status: outcome.status,
      served_by: kept.servedBy,
      attempts: kept.attempts,
      fallbacks: outcome.fallbacks,
      cost_usd: outcome.costNanoUsd === undefined ? undefined : outcome.costNanoUsd / 1e9,
      duration_ms: outcome.durationMs,
    },
  };
}

/** How routing is composed; the first fields under the names of older gateways. */
export const toldInfo = ({ generation, strategies, groups, experiments }: RoutingInfo) => ({
  registered_strategies: strategies.map(({ name }) => name),
  strategy_count: strategies.length,
  hot_reload_enabled: true,
  ...{ generation, strategies, groups },
  experiments: experiments.map(({ name, models, variants, shadows }) => ({
    ...{ experiment: name, models, shadows },
    variants: variants.map(({ name: variant, strategy, configuredWeight, weight, off }) => ({
      ...{ variant, strategy, configured_weight: configuredWeight, weight, off },
    })),
  })),
});

/** Whether a principal may see every record, whoever asked. */
export const seesAll = ({ permissions }: Principal): boolean =>
  permissions.some((held) => held === '*' || held === 'admin.*' || held === 'admin.read');
