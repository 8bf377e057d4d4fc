/**
 * Writes one log line for each request, when it is over.
 *
 * A line says who asked, what was decided and why, what it took and how it
 * ended. It never says what was asked or answered: an error is told by its
 * code, since its message may quote a vendor that quotes the caller.
 */
import { type Attempt, type Decision, definePlugin, type Outcome, z } from '@rutter/plugin-sdk';

const config = z.strictObject({
  level: z.enum(['debug', 'info']).default('info').describe('Level of the line of a request that went well.'),
  slowMs: z
    .number()
    .min(0)
    .optional()
    .describe('A request that takes this many milliseconds or longer is logged as a warning.'),
  successes: z.boolean().default(true).describe('Whether requests that went well and fast are logged at all.'),
});

export default definePlugin({
  kind: 'observer',
  config,
  setup({ log }, { level, slowMs = Number.POSITIVE_INFINITY, successes }) {
    return {
      settled(outcome) {
        if (outcome.status >= 500 || outcome.ending === 'broke') log.error(record(outcome), 'request failed');
        else if (outcome.durationMs >= slowMs) log.warn(record(outcome), 'request was slow');
        else if (outcome.status >= 400) log[level](record(outcome), 'request refused');
        else if (successes) log[level](record(outcome), 'request served');
      },
    };
  },
});

/** One object, built once; fields that are undefined are left out by the log. */
function record(outcome: Outcome): Readonly<Record<string, unknown>> {
  const { context, deployment, attempts, usage } = outcome;
  return {
    request: context.id,
    parent: context.parent,
    trace: context.traceId,
    principal: context.principal.id,
    team: context.principal.team,
    operation: outcome.operation,
    model: outcome.requestedModel,
    group: outcome.group,
    stream: outcome.stream,
    status: outcome.status,
    ending: outcome.ending,
    error: outcome.error?.code,
    deployment: deployment?.id,
    provider: deployment?.provider,
    vendorModel: deployment?.model,
    route: outcome.route,
    decision: tellDecision(outcome.decisions?.at(-1)),
    attempts: attempts.length,
    isPart: outcome.isPart,
    parts: outcome.parts,
    // The one attempt of a plain request says nothing that the line does not say anyway.
    tries: attempts.length > 1 ? attempts.map(tellAttempt).join(', ') : undefined,
    fallbacks: outcome.fallbacks,
    cacheHit: outcome.cacheHit,
    structuredOutput: outcome.structuredOutput,
    inputTokens: usage?.input,
    cachedInputTokens: usage?.cachedInput,
    cacheWriteTokens: usage === undefined ? undefined : sum(usage.cacheWrite, usage.cacheWriteLong),
    audioInputTokens: usage?.audioInput,
    outputTokens: usage?.output,
    reasoningTokens: usage?.reasoning,
    audioOutputTokens: usage?.audioOutput,
    tokensEstimated: usage?.estimated,
    costNanoUsd: outcome.costNanoUsd,
    durationMs: round(outcome.durationMs),
    firstTokenMs: outcome.firstTokenMs === undefined ? undefined : round(outcome.firstTokenMs),
    overheadMs: round(outcome.overheadMs),
    generation: context.generation,
  };
}

/** The last one of the request; those before it failed, and their tries stand beside it. */
function tellDecision(decision: Decision | undefined): Readonly<Record<string, unknown>> | undefined {
  if (decision === undefined) return undefined;
  const { strategies, silent, reason, candidates, microseconds, exposure, chosen } = decision;
  const others = silent.map(({ name, reason: why }) => `${name}: ${why}`);
  return {
    by: strategies.map(({ name, version, artefact }) => [name, version, artefact].filter(Boolean).join(' ')),
    silent: others.length > 0 ? others : undefined,
    why: strategies[0]?.reason ?? reason,
    chosen,
    candidates: candidates.map(({ deployment, score, quality, costUsd }) => ({ deployment, score, quality, costUsd })),
    us: microseconds,
    experiment: exposure?.experiment,
    variant: exposure?.variant,
  };
}

const tellAttempt = ({ deployment, error, status, startedMs, endedMs }: Attempt): string =>
  `${deployment} ${error?.code ?? status ?? 'no status'} ${round(endedMs - startedMs)}ms`;

const sum = (a: number | undefined, b: number | undefined) =>
  a === undefined && b === undefined ? undefined : (a ?? 0) + (b ?? 0);

/** To a hundredth of a millisecond: more digits are noise. */
const round = (ms: number) => Math.round(ms * 100) / 100;
