/**
 * Outcomes from the gateway's own store: feedback on requests, with what the
 * ledger says they cost.
 */
import { createHash } from 'node:crypto';
import { RutterError, type SqlValue, type Store } from '@rutter/plugin-sdk';
import {
  noWords,
  type OutcomeRow,
  type Outcomes,
  OutcomeTable,
  type RawFeatures,
  traitNames,
  unpackFeatures,
} from '@rutter/plugin-sdk/learning';

type Row = Readonly<Record<string, SqlValue>>;

const page = 1_000;
const mostMarks = 1_000_000;

const query = `SELECT f.sequence, f.request_id, f.score, f.strength, f.router_model, f.model, f.over_router_model, f.over_model,
  f.over_request_id, f.prompt_hash, f.prompt, f.model_group, f.embedder, f.features,
  (SELECT SUM(l.cost_nano_usd) FROM ledger l WHERE l.request_id = f.request_id) AS cost_nano_usd,
  (SELECT SUM(l.input_tokens) FROM ledger l WHERE l.request_id = f.request_id) AS input_tokens,
  (SELECT SUM(l.output_tokens) FROM ledger l WHERE l.request_id = f.request_id) AS output_tokens
FROM feedback f WHERE f.sequence > ? ORDER BY f.sequence LIMIT ${page}`;

const text = (value: SqlValue | undefined) => (typeof value === 'string' && value !== '' ? value : undefined);
const number = (value: SqlValue | undefined) => (value === null || value === undefined ? undefined : Number(value));

/** Marks as outcomes: a score of the model that answered, or of a preference for both. */
function outcomesOf(row: Row, prompt: string): OutcomeRow[] {
  const question = { query_id: String(row.prompt_hash), query: prompt, task: text(row.model_group) ?? '' };
  const [model, other] = [
    text(row.router_model) ?? text(row.model),
    text(row.over_router_model) ?? text(row.over_model),
  ];
  const [score, strength] = [number(row.score), number(row.strength)];
  const [cost, read, written] = [number(row.cost_nano_usd), number(row.input_tokens), number(row.output_tokens)];
  const known = {
    ...(cost === undefined ? {} : { cost: cost / 1e9 }),
    ...(read === undefined ? {} : { input_tokens: read }),
    ...(written === undefined ? {} : { output_tokens: written }),
  };
  const found: OutcomeRow[] = [];
  const performance = score ?? strength;
  if (model !== undefined && performance !== undefined) found.push({ ...question, model, performance, ...known });
  if (other !== undefined && other !== model && strength !== undefined)
    found.push({ ...question, model: other, performance: 1 - strength });
  return found;
}

export interface LedgerOutcomes {
  readonly outcomes: Outcomes;
  readonly sha256: string;
  /** What was seen of questions whose words were not kept, by id. Words and pairs of them are unknown. */
  readonly seen: ReadonlyMap<string, RawFeatures>;
}

/** Undefined where it was another embedder that saw the question. */
function seenIn(row: Row, embedder: string): RawFeatures | undefined {
  const packed = text(row.features);
  const features = packed === undefined || row.embedder !== embedder ? undefined : unpackFeatures(packed);
  // Another version may have counted other traits.
  return features?.traits.length === traitNames.length ? { ...features, counts: noWords } : undefined;
}

/**
 * All marks of which the words, or what this embedder saw of them, were kept; the later word on a question and
 * model counts. Throws ERR_CONFIG_INVALID where there are none.
 */
export async function readLedger(store: Store, embedder: string): Promise<LedgerOutcomes> {
  const table = new OutcomeTable();
  const hash = createHash('sha256');
  const seen = new Map<string, RawFeatures>();
  let [marks, told, after] = [0, 0, -1];
  for (;;) {
    const rows = await store.query(query, [after]).catch((error: Error) => {
      throw new RutterError(
        'ERR_CONFIG_INVALID',
        `The store holds no feedback to learn from (${error.message}); expected a gateway with observer-feedback.`,
      );
    });
    for (const row of rows) {
      after = Number(row.sequence);
      marks++;
      const prompt = text(row.prompt);
      const features = prompt === undefined ? seenIn(row, embedder) : undefined;
      const found = prompt === undefined && !features ? [] : outcomesOf(row, prompt ?? '');
      if (features) seen.set(String(row.prompt_hash), features);
      for (const outcome of found) {
        hash.update(`${JSON.stringify(outcome)}\n`);
        table.add(outcome);
      }
      if (found.length > 0) told++;
    }
    if (rows.length < page || marks >= mostMarks) break;
  }
  if (told > 0) return { outcomes: table.finish(), sha256: hash.digest('hex'), seen };
  throw new RutterError(
    'ERR_CONFIG_INVALID',
    `The store holds ${marks} marks, none with the words of its request or what ${embedder} saw of them; expected some.`,
  );
}
