/**
 * `Idempotency-Key` on model calls (draft-ietf-httpapi-idempotency-key-header):
 * a key runs once. A repeat gets the recorded reply; one that comes while the
 * first still runs is told so, and so is one with another body. What failed,
 * in a stream too, is not recorded: it may be tried again under the same key.
 *
 * Across processes the key is taken through `state`; replies are recorded by
 * the process that made them.
 */
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { RutterError } from '@rutter/plugin-sdk';
import type { Facts } from '../pipeline/facts.ts';
import type { RequestPath } from '../pipeline/path.ts';
import { type BodyLimits, readBody } from './read-body.ts';
import { type RecordedReply, recordReply } from './recorded-reply.ts';
import { writeHead } from './write-head.ts';

interface Recorded {
  readonly expiresAt: number;
  isRunning: boolean;
  digest: string;
  /** Undefined while it runs, and where the reply was too large to keep. */
  reply: RecordedReply | undefined;
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly facts: Facts;
  readonly path: RequestPath;
  readonly limits: BodyLimits;
}

const keptMs = 10 * 60_000;
const keptRecords = 10_000;
const keptBytes = 64 * 1024 * 1024;

export class IdempotentReplies {
  readonly #records = new Map<string, Recorded>();
  readonly #now: () => number;
  #bytes = 0;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** `run` answers the request and says whether the reply was complete. */
  async serve(key: string, exchange: Exchange, run: () => Promise<boolean>): Promise<void> {
    const { facts, path } = exchange;
    checkKey(key);
    const name = `${facts.principal.id}\n${facts.path}\n${key}`;
    this.#sweep();
    const known = this.#records.get(name);
    if (known) return repeat(known, exchange);
    const record: Recorded = { expiresAt: this.#now() + keptMs, isRunning: true, digest: '', reply: undefined };
    this.#records.set(name, record);
    const lock = `idempotency:${createHash('sha256').update(name).digest('hex')}`;
    let isTaken = false;
    let isKept = false;
    try {
      isTaken = (await path.state?.set(lock, '1', { ttlMs: keptMs, onlyIfAbsent: true })) ?? true;
      if (!isTaken) throw conflict('A request with this Idempotency-Key was taken by another process.', 1000);
      isKept = await this.#run(record, exchange, run);
    } finally {
      if (!isKept) this.#records.delete(name);
      if (isTaken && !isKept) await path.state?.delete(lock);
    }
  }

  async #run(record: Recorded, { request, response }: Exchange, run: () => Promise<boolean>): Promise<boolean> {
    const digest = digestOf(request);
    const reply = recordReply(response);
    if (!(await run()) || response.statusCode >= 400 || !response.writableFinished) return false;
    record.digest = digest();
    record.reply = reply();
    record.isRunning = false;
    this.#bytes += record.reply?.body.length ?? 0;
    return true;
  }

  #sweep(): void {
    const now = this.#now();
    for (const [name, record] of this.#records) {
      const isTooMuch = this.#records.size >= keptRecords || this.#bytes > keptBytes;
      if (record.expiresAt > now && !isTooMuch) return;
      if (record.isRunning) continue;
      this.#bytes -= record.reply?.body.length ?? 0;
      this.#records.delete(name);
    }
  }
}

function checkKey(key: string): void {
  if (/^[\x21-\x7e]{1,255}$/.test(key)) return;
  throw new RutterError(
    'ERR_REQUEST_INVALID',
    `Header Idempotency-Key has ${key.length} characters, or some that are not visible ASCII; expected 1 to 255 visible ones.`,
  );
}

async function repeat(known: Recorded, { request, response, facts, limits }: Exchange): Promise<void> {
  if (known.isRunning) throw conflict('A request with this Idempotency-Key is still running.', 1000);
  const digest = digestOf(request);
  await readBody(request, limits);
  if (digest() !== known.digest) {
    throw new RutterError(
      'ERR_REQUEST_CONFLICT',
      'This Idempotency-Key was used with another body; expected the same body or a new key.',
      { status: 422 },
    );
  }
  if (!known.reply)
    throw conflict('The request with this Idempotency-Key was answered; its reply was too large to keep.');
  const { status, headers, body } = known.reply;
  writeHead(
    response,
    status,
    Object.entries({ ...headers, 'x-request-id': facts.id, 'idempotent-replayed': 'true' }).flat(),
  );
  response.end(body);
}

const conflict = (message: string, retryAfterMs?: number) =>
  new RutterError('ERR_REQUEST_CONFLICT', message, { retryAfterMs });

/** Reads along; the answer is there once the body has been read. A form's boundary is new each time: it is told by its length. */
function digestOf(request: IncomingMessage): () => string {
  const { 'content-type': type = '', 'content-length': length = '' } = request.headers;
  if (/^multipart\//i.test(type)) return () => length;
  const hash = createHash('sha256');
  request.on('data', (chunk: Buffer) => hash.update(chunk));
  return () => hash.digest('hex');
}
