/** What a gateway has written down about its requests, read beside it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { until } from '../support/index.ts';

/** A row of the ledger, with its tries as they were told. */
export interface LedgerRow {
  readonly request_id: string;
  readonly parent_id: string | null;
  readonly trace_id: string;
  /** 1 for a call inside a request, whose tokens and cost are in the request's row too. */
  readonly is_part: number;
  readonly principal: string;
  readonly model_group: string;
  readonly deployment: string | null;
  readonly status: number;
  readonly ending: string;
  readonly error_code: string | null;
  readonly input_tokens: number | null;
  readonly output_tokens: number | null;
  readonly cost_nano_usd: number | null;
  readonly route: string;
  readonly tries: readonly { readonly deployment: string; readonly status?: number; readonly error?: object }[] | 1;
}

export function ledger(gateway: { readonly folder: string }): readonly LedgerRow[] {
  const file = join(gateway.folder, 'data', 'instances', 'store-sqlite', 'rutter.db');
  if (!existsSync(file)) return [];
  const database = new DatabaseSync(file, { readOnly: true, timeout: 2000 });
  try {
    const rows = database.prepare('SELECT * FROM ledger ORDER BY rowid').all();
    return rows.map((row) => ({ ...row, tries: JSON.parse(String(row.attempts)) }) as unknown as LedgerRow);
  } finally {
    database.close();
  }
}

/** The rows of the calls made inside a request, all of them once its own has been written. */
export async function innerRows(
  gateway: { readonly folder: string },
  requestId: string,
): Promise<readonly LedgerRow[]> {
  await ledgerRow(gateway, requestId);
  return ledger(gateway).filter((row) => row.parent_id === requestId);
}

/** The row of one request, which is written once it is settled. */
export const ledgerRow = (gateway: { readonly folder: string }, requestId: string): Promise<LedgerRow> =>
  until(`the ledger's row of ${requestId}`, () => ledger(gateway).find((row) => row.request_id === requestId));
