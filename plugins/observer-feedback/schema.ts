/** Tables of the feedback, in the store beside the ledger. */
import type { Migration } from '@rutter/plugin-sdk';

const answer = (prefix: string) => `
  ${prefix}model_group TEXT,
  ${prefix}deployment TEXT,
  ${prefix}provider TEXT,
  ${prefix}model TEXT,
  ${prefix}router_model TEXT,`;

export const migrations: readonly Migration[] = [
  {
    id: '0001-feedback',
    sql: `CREATE TABLE IF NOT EXISTS feedback_request (
  principal TEXT NOT NULL,
  request_id TEXT NOT NULL,
  received_ms BIGINT NOT NULL,
  user_id TEXT NOT NULL,${answer('')}
  embedder TEXT,
  features TEXT,
  prompt_hash TEXT NOT NULL,
  prompt TEXT
);
CREATE INDEX IF NOT EXISTS feedback_request_id ON feedback_request (request_id);
CREATE INDEX IF NOT EXISTS feedback_request_user ON feedback_request (user_id);
CREATE INDEX IF NOT EXISTS feedback_request_time ON feedback_request (received_ms);
CREATE TABLE IF NOT EXISTS feedback (
  sequence BIGINT NOT NULL,
  principal TEXT NOT NULL,
  request_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  received_ms BIGINT NOT NULL,
  given_ms BIGINT NOT NULL,
  revisions INTEGER NOT NULL,
  score DOUBLE PRECISION,
  strength DOUBLE PRECISION,
  over_request_id TEXT,${answer('')}${answer('over_')}
  embedder TEXT,
  features TEXT,
  prompt_hash TEXT NOT NULL,
  prompt TEXT,
  PRIMARY KEY (principal, request_id)
);
CREATE UNIQUE INDEX IF NOT EXISTS feedback_sequence ON feedback (sequence);
CREATE INDEX IF NOT EXISTS feedback_user ON feedback (user_id);
CREATE INDEX IF NOT EXISTS feedback_given ON feedback (given_ms);
CREATE TABLE IF NOT EXISTS feedback_epoch (
  name TEXT NOT NULL PRIMARY KEY,
  value BIGINT NOT NULL
);`,
  },
];
