/** The ledger: one row a request, written through the store's ordered writer. */
import type { Migration, Outcome, SqlValue, Store, Usage } from '@rutter/plugin-sdk';

export const ledgerMigrations: readonly Migration[] = [
  {
    id: '0001-ledger',
    sql: `CREATE TABLE IF NOT EXISTS ledger (
  request_id TEXT NOT NULL,
  parent_id TEXT,
  trace_id TEXT NOT NULL,
  received_ms BIGINT NOT NULL,
  duration_ms DOUBLE PRECISION NOT NULL,
  first_token_ms DOUBLE PRECISION,
  overhead_ms DOUBLE PRECISION NOT NULL,
  principal TEXT NOT NULL,
  team TEXT,
  end_user TEXT,
  requested_model TEXT NOT NULL,
  model_group TEXT NOT NULL,
  deployment TEXT,
  provider TEXT,
  model TEXT,
  operation TEXT NOT NULL,
  is_stream INTEGER NOT NULL,
  status INTEGER NOT NULL,
  ending TEXT NOT NULL,
  error_code TEXT,
  input_tokens BIGINT,
  cached_input_tokens BIGINT,
  cache_write_tokens BIGINT,
  cache_write_long_tokens BIGINT,
  audio_input_tokens BIGINT,
  output_tokens BIGINT,
  reasoning_tokens BIGINT,
  audio_output_tokens BIGINT,
  is_estimated INTEGER NOT NULL,
  cost_nano_usd BIGINT,
  is_cache_hit INTEGER NOT NULL,
  fallbacks INTEGER NOT NULL,
  attempts TEXT NOT NULL,
  route TEXT NOT NULL
);`,
  },
  {
    id: '0002-costs',
    sql: `ALTER TABLE ledger ADD COLUMN original_nano_usd BIGINT;
ALTER TABLE ledger ADD COLUMN discount_nano_usd BIGINT;
ALTER TABLE ledger ADD COLUMN margin_nano_usd BIGINT;
ALTER TABLE ledger ADD COLUMN unpriced_calls INTEGER NOT NULL DEFAULT 0;
ALTER TABLE ledger ADD COLUMN service_tier TEXT;
ALTER TABLE ledger ADD COLUMN other_usage TEXT;`,
  },
  { id: '0003-parts', sql: 'ALTER TABLE ledger ADD COLUMN is_part INTEGER NOT NULL DEFAULT 0;' },
];

const columns = [
  'request_id',
  'parent_id',
  'trace_id',
  'received_ms',
  'duration_ms',
  'first_token_ms',
  'overhead_ms',
  'principal',
  'team',
  'end_user',
  'requested_model',
  'model_group',
  'deployment',
  'provider',
  'model',
  'operation',
  'is_stream',
  'status',
  'ending',
  'error_code',
  'input_tokens',
  'cached_input_tokens',
  'cache_write_tokens',
  'cache_write_long_tokens',
  'audio_input_tokens',
  'output_tokens',
  'reasoning_tokens',
  'audio_output_tokens',
  'is_estimated',
  'cost_nano_usd',
  'is_cache_hit',
  'fallbacks',
  'attempts',
  'route',
  'original_nano_usd',
  'discount_nano_usd',
  'margin_nano_usd',
  'unpriced_calls',
  'service_tier',
  'other_usage',
  'is_part',
] as const;

/** False when the writer's queue is full and the row was lost; the store counts it. */
export function writeLedger(store: Store, outcome: Outcome): boolean {
  return store.append('ledger', columns, row(outcome));
}

/** Buckets with a column of their own, and what is no count. */
const ownColumns: ReadonlySet<string> = new Set([
  'type',
  'input',
  'output',
  'cachedInput',
  'cacheWrite',
  'cacheWriteLong',
  'reasoning',
  'audioInput',
  'audioOutput',
  'serviceTier',
  'estimated',
]);

/** All else that was used, as JSON; null for the plain call. */
function otherUsage(usage: Usage): string | null {
  let others: Record<string, unknown> | undefined;
  for (const name in usage) {
    if (ownColumns.has(name)) continue;
    others ??= {};
    others[name] = usage[name as keyof Usage];
  }
  return others === undefined ? null : JSON.stringify(others);
}

function row(outcome: Outcome): SqlValue[] {
  const { context, usage, deployment } = outcome;
  return [
    context.id,
    context.parent ?? null,
    context.traceId,
    context.receivedAt,
    outcome.durationMs,
    outcome.firstTokenMs ?? null,
    outcome.overheadMs,
    context.principal.id,
    context.principal.team ?? null,
    context.endUser ?? context.principal.user ?? null,
    outcome.requestedModel,
    outcome.group,
    deployment?.id ?? null,
    deployment?.provider ?? null,
    deployment?.model ?? null,
    outcome.operation,
    outcome.stream ? 1 : 0,
    outcome.status,
    outcome.ending,
    outcome.error?.code ?? null,
    usage?.input ?? null,
    usage?.cachedInput ?? null,
    usage?.cacheWrite ?? null,
    usage?.cacheWriteLong ?? null,
    usage?.audioInput ?? null,
    usage?.output ?? null,
    usage?.reasoning ?? null,
    usage?.audioOutput ?? null,
    usage?.estimated ? 1 : 0,
    outcome.costNanoUsd ?? null,
    outcome.cacheHit ? 1 : 0,
    outcome.fallbacks,
    outcome.attempts.length === 1 && !outcome.attempts[0]?.error ? '1' : JSON.stringify(outcome.attempts),
    outcome.route,
    outcome.cost?.originalNanoUsd ?? null,
    outcome.cost?.discountNanoUsd ?? null,
    outcome.cost?.marginNanoUsd ?? null,
    outcome.unpricedCalls ?? 0,
    usage?.serviceTier ?? null,
    usage === undefined ? null : otherUsage(usage),
    outcome.isPart ? 1 : 0,
  ];
}
