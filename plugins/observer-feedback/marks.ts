/**
 * The marks in the store: one a request and key, in one order for all who read.
 *
 * A mark that is changed or erased raises the epoch, which tells every reader
 * that what he has summed up is no longer the sum.
 */
import { createHash } from 'node:crypto';
import { type FeedbackMark, type RatedAnswer, RutterError, type SqlValue, type Store } from '@rutter/plugin-sdk';
import { unpackFeatures } from '@rutter/plugin-sdk/learning';
import type { RequestRow } from './requests.ts';

export type MarkRow = Readonly<Record<string, SqlValue>>;

/** What a caller says. */
export interface Word {
  readonly score: number | undefined;
  readonly strength: number | undefined;
}

/** Changes of one mark before no more are taken: each makes every reader begin again. */
const mostRevisions = 20;
/** Two writers may want the same number at once. */
const tries = 5;

const answerColumns = ['model_group', 'deployment', 'provider', 'model', 'router_model'] as const;
const saidColumns = ['score', 'strength', 'over_request_id', ...answerColumns.map((name) => `over_${name}`)];
const keptColumns = [
  ...['user_id', 'received_ms', ...answerColumns],
  ...['embedder', 'features', 'prompt_hash', 'prompt'],
] as const;
const numbers: ReadonlySet<string> = new Set(['received_ms']);
const fractions: ReadonlySet<string> = new Set(['score', 'strength']);

/** PostgreSQL takes a bare value in a SELECT for a text. */
const placeOf = (column: string) =>
  numbers.has(column) ? 'CAST(? AS BIGINT)' : fractions.has(column) ? 'CAST(? AS DOUBLE PRECISION)' : '?';

const inserted = [...keptColumns, ...saidColumns];
const upsert = `INSERT INTO feedback (sequence, revisions, given_ms, principal, request_id, ${inserted.join(', ')})
SELECT COALESCE(MAX(sequence), 0) + 1, 0, CAST(? AS BIGINT), ?, ?, ${inserted.map(placeOf).join(', ')} FROM feedback WHERE true
ON CONFLICT (principal, request_id) DO UPDATE SET sequence = excluded.sequence, revisions = feedback.revisions + 1, given_ms = excluded.given_ms, ${saidColumns.map((name) => `${name} = excluded.${name}`).join(', ')}`;

const same = (row: MarkRow, word: Word, over: RequestRow | undefined) =>
  row.score === (word.score ?? null) &&
  row.strength === (word.strength ?? null) &&
  row.over_request_id === (over?.request_id ?? null);

export class Marks {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** The mark as it stands now, and whether it changed anything. Durable when it resolves. */
  async give(
    request: RequestRow,
    word: Word,
    over: RequestRow | undefined,
    now: number,
  ): Promise<{ readonly row: MarkRow; readonly isNew: boolean; readonly isChanged: boolean }> {
    const key = [request.principal, request.request_id] as const;
    const before = await this.find(...key);
    if (before && same(before, word, over)) return { row: before, isNew: false, isChanged: false };
    if (before && (before.revisions as number) >= mostRevisions)
      throw new RutterError(
        'ERR_LIMIT_RATE',
        `The feedback on ${request.request_id} was changed ${mostRevisions} times, which is all that is taken. Delete it to begin anew.`,
      );
    await this.#write([
      ...[now, ...key],
      ...keptColumns.map((name) => request[name]),
      ...[word.score ?? null, word.strength ?? null, over?.request_id ?? null],
      ...answerColumns.map((name) => over?.[name] ?? null),
    ]);
    if (before) await this.raiseEpoch();
    return { row: (await this.find(...key)) as MarkRow, isNew: before === undefined, isChanged: true };
  }

  async #write(values: readonly SqlValue[]): Promise<void> {
    for (let left = tries; ; left--) {
      try {
        await this.#store.run(upsert, values);
        return;
      } catch (error) {
        if (left <= 1) throw error;
      }
    }
  }

  async find(principal: SqlValue, requestId: SqlValue): Promise<MarkRow | undefined> {
    const [row] = await this.#store.query('SELECT * FROM feedback WHERE principal = ? AND request_id = ?', [
      principal,
      requestId,
    ]);
    return row;
  }

  /** Of one user, the oldest first; of every key where `principal` is undefined. */
  ofUser(user: string, principal: string | undefined, limit: number): Promise<MarkRow[]> {
    return this.#store.query(
      `SELECT * FROM feedback WHERE user_id = ?${principal === undefined ? '' : ' AND principal = ?'} ORDER BY sequence LIMIT ?`,
      principal === undefined ? [user, limit] : [user, principal, limit],
    );
  }

  after(sequence: number, limit: number): Promise<MarkRow[]> {
    return this.#store.query('SELECT * FROM feedback WHERE sequence > ? ORDER BY sequence LIMIT ?', [sequence, limit]);
  }

  /** Removes one mark; the request itself stays to be rated. */
  async withdraw(principal: string, requestId: string): Promise<number> {
    const { changes } = await this.#store.run('DELETE FROM feedback WHERE principal = ? AND request_id = ?', [
      principal,
      requestId,
    ]);
    if (changes > 0) await this.raiseEpoch();
    return changes;
  }

  /**
   * Removes everything that is kept of a user here. The epoch rises also where nothing was found: an earlier try may
   * have been cut off between the rows and the epoch.
   */
  async erase(user: string, principal: string | undefined): Promise<{ marks: number; requests: number }> {
    const where = principal === undefined ? 'user_id = ?' : 'user_id = ? AND principal = ?';
    const values = principal === undefined ? [user] : [user, principal];
    // What was answered a moment ago is still on its way.
    await this.#store.flush();
    const { changes: marks } = await this.#store.run(`DELETE FROM feedback WHERE ${where}`, values);
    const { changes: requests } = await this.#store.run(`DELETE FROM feedback_request WHERE ${where}`, values);
    await this.raiseEpoch();
    return { marks, requests };
  }

  /** Removes a batch of what is older than it may be; the number of rows. */
  async expire(table: 'feedback' | 'feedback_request', before: number, batch: number): Promise<number> {
    const time = table === 'feedback' ? 'given_ms' : 'received_ms';
    const { changes } = await this.#store.run(
      `DELETE FROM ${table} WHERE (principal, request_id) IN (SELECT principal, request_id FROM ${table} WHERE ${time} < ? ORDER BY ${time} LIMIT ?) AND ${time} < ?`,
      [before, batch, before],
    );
    if (table === 'feedback' && changes > 0) await this.raiseEpoch();
    return changes;
  }

  async raiseEpoch(): Promise<void> {
    await this.#store.run(
      "INSERT INTO feedback_epoch (name, value) VALUES ('marks', 1) ON CONFLICT (name) DO UPDATE SET value = feedback_epoch.value + 1",
    );
  }

  /** Where the marks stand: two equal answers mean that nothing has changed between them. */
  async standing(): Promise<{ readonly epoch: number; readonly last: number }> {
    const [row] = await this.#store.query(
      "SELECT (SELECT value FROM feedback_epoch WHERE name = 'marks') AS epoch, (SELECT MAX(sequence) FROM feedback) AS last",
    );
    return { epoch: Number(row?.epoch ?? 0), last: Number(row?.last ?? 0) };
  }
}

/** Stable, and of one length whatever users are called; no name can be made to look like another key's. */
export const subjectOf = (principal: string, user: string): string | undefined =>
  user === ''
    ? undefined
    : createHash('sha256')
        .update(JSON.stringify([principal, user]))
        .digest('base64url');

const text = (value: SqlValue | undefined) => (typeof value === 'string' ? value : undefined);

/** The order in which a strategy looks for a deployment's model. */
function answerOf(row: MarkRow, prefix: string, requestId: string): RatedAnswer {
  const [group, deployment, provider, model, named] = answerColumns.map((name) => text(row[`${prefix}${name}`]));
  const own =
    model === undefined ? [] : [model, `${provider}/${model}`, model.slice(model.lastIndexOf('/') + 1), group ?? ''];
  return { requestId, group: group ?? '', deployment, names: named === undefined ? own : [named, ...own] };
}

export function markOf(row: MarkRow): FeedbackMark {
  const principal = row.principal as string;
  const user = row.user_id as string;
  const seen = typeof row.features === 'string' ? unpackFeatures(row.features) : undefined;
  const over = text(row.over_request_id);
  return {
    ...answerOf(row, '', row.request_id as string),
    sequence: row.sequence as number,
    principal,
    user,
    subject: subjectOf(principal, user),
    receivedAt: row.received_ms as number,
    givenAt: row.given_ms as number,
    score: (row.score as number | null) ?? undefined,
    over:
      over === undefined
        ? undefined
        : { ...answerOf(row, 'over_', over), strength: (row.strength as number | null) ?? 1 },
    features: seen && { embedder: text(row.embedder) ?? '', ...seen },
    promptHash: row.prompt_hash as string,
    prompt: text(row.prompt),
  };
}
