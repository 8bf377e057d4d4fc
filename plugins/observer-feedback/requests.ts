/**
 * What is remembered of each answered request, so that its caller can rate it:
 * who asked, what answered, and what a router saw of the question.
 */
import { createHash } from 'node:crypto';
import type { Embedder, Host, Outcome, RequestContext, SqlValue, Store } from '@rutter/plugin-sdk';
import { packFeatures, rawFeatures } from '@rutter/plugin-sdk/learning';

/** A row of `feedback_request`. */
export type RequestRow = Readonly<Record<(typeof requestColumns)[number], SqlValue>>;

const requestColumns = [
  'principal',
  'request_id',
  'received_ms',
  'user_id',
  'model_group',
  'deployment',
  'provider',
  'model',
  'router_model',
  'embedder',
  'features',
  'prompt_hash',
  'prompt',
] as const;

const feature = 'feedback:question';
const mostPromptLength = 64 * 1024;

/** For whom a request is made: the end user it names, else the user of its key, else the key. */
export function userOf({ endUser, principal }: RequestContext): string {
  return (endUser ?? principal.user ?? (principal.kind === 'anonymous' ? '' : principal.id)).slice(0, 256);
}

interface Seen {
  readonly features: string;
  readonly hash: string;
  readonly prompt: string | null;
}

/** Writes one row for each model call that was answered. Inner calls are nobody's to rate. */
export function requestRecorder(host: Host, storesPrompts: boolean): (outcome: Outcome) => Promise<void> {
  const store: Store = host.use('store');
  const embedder: Embedder = host.use('embedder');
  const seen = new WeakMap<RequestContext, Seen>();
  host.features.define(
    feature,
    async (context, text) => {
      const hash = createHash('sha256').update(text).digest('hex');
      const [embedding] = await embedder.embed([text]);
      const features = packFeatures(rawFeatures(text, embedding as Float32Array));
      seen.set(context, { features, hash, prompt: storesPrompts ? text.slice(0, mostPromptLength) : null });
      return 1;
    },
    { timeoutMs: 2_000 },
  );
  return async ({ context, deployment, group, operation, status }) => {
    if (status >= 400 || group === '' || context.parent !== undefined) return;
    // Of other operations a router sees nothing.
    if (operation === 'chat' || operation === 'completions') await context.features.want(feature);
    const question = seen.get(context);
    const named = deployment?.info.router_model;
    store.append('feedback_request', requestColumns, [
      context.principal.id,
      context.id,
      context.receivedAt,
      userOf(context),
      group,
      deployment?.id ?? null,
      deployment?.provider ?? null,
      deployment?.model ?? null,
      typeof named === 'string' ? named : null,
      question === undefined ? null : embedder.version,
      question?.features ?? null,
      question?.hash ?? '',
      question?.prompt ?? null,
    ]);
  };
}

/** The row of a caller's own request; the latest, where he used one id twice. */
export async function findRequest(store: Store, principal: string, requestId: string): Promise<RequestRow | undefined> {
  const rows = await store.query(
    `SELECT ${requestColumns.join(', ')} FROM feedback_request WHERE request_id = ? AND principal = ? ORDER BY received_ms DESC LIMIT 1`,
    [requestId, principal],
  );
  return rows[0] as RequestRow | undefined;
}
