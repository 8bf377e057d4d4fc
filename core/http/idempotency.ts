/**
 * `Idempotency-Key` on model calls (draft-ietf-httpapi-idempotency-key-header):
 * a key runs once. A repeat gets the recorded reply; one that comes while the
 * first still runs is told so, and so is one with another body.
 *
 * Across processes the key is taken through `state`; replies are recorded by
 * the process that made them.
 */
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { RutterError } from '@rutter/plugin-sdk';
import type { Facts } from '../pipeline/facts.ts';
import type { RequestPath } from '../pipeline/path.ts';
import { sendError } from './envelope.ts';

interface Recorded {
  readonly expiresAt: number;
  isRunning: boolean;
  digest: string;
  reply: { readonly status: number; readonly headers: Record<string, string>; readonly body: Buffer } | undefined;
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly facts: Facts;
  readonly path: RequestPath;
}

const keptMs = 10 * 60_000;
const keptRecords = 10_000;
const keptBytes = 64 * 1024 * 1024;
const largestReply = 1024 * 1024;

export class IdempotentReplies {
  readonly #records = new Map<string, Recorded>();
  readonly #now: () => number;
  #bytes = 0;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  async serve(key: string, exchange: Exchange, run: () => Promise<void>): Promise<void> {
    const { request, response, facts, path } = exchange;
    if (!/^[\x21-\x7e]{1,255}$/.test(key)) throw new RutterError('ERR_REQUEST_INVALID', 'Header Idempotency-Key must be 1 to 255 visible ASCII characters.');
    const name = `${facts.principal.id}\n${facts.path}\n${key}`;
    this.#sweep();
    const known = this.#records.get(name);
    if (known) return this.#repeat(known, exchange);
    const record: Recorded = { expiresAt: this.#now() + keptMs, isRunning: true, digest: '', reply: undefined };
    this.#records.set(name, record);
    const isOurs = (await path.state?.set(`idempotency:${createHash('sha256').update(name).digest('hex')}`, '1', { ttlMs: keptMs, onlyIfAbsent: true })) ?? true;
    if (!isOurs) {
      this.#records.delete(name);
      throw new RutterError('ERR_REQUEST_CONFLICT', 'A request with this Idempotency-Key was taken by another process.', { retryAfterMs: 1000 });
    }
    const digest = digestOf(request);
    const reply = capture(response);
    await run();
    record.digest = digest();
    record.isRunning = false;
    record.reply = reply();
    if (record.reply && record.reply.status < 500) this.#bytes += record.reply.body.length;
    else {
      // What failed may be tried again under the same key.
      this.#records.delete(name);
      await path.state?.delete(`idempotency:${createHash('sha256').update(name).digest('hex')}`);
    }
  }

  async #repeat(known: Recorded, { request, response, facts }: Exchange): Promise<void> {
    if (known.isRunning) throw new RutterError('ERR_REQUEST_CONFLICT', 'A request with this Idempotency-Key is still running.', { retryAfterMs: 1000 });
    const digest = digestOf(request);
    for await (const _ of request);
    if (digest() !== known.digest) throw new RutterError('ERR_REQUEST_CONFLICT', 'This Idempotency-Key was used with another body; expected a new key.', { status: 422 });
    if (!known.reply) return sendError(response, new RutterError('ERR_REQUEST_CONFLICT', 'The reply to this Idempotency-Key was too large to keep.'), facts.id);
    response.writeHead(known.reply.status, { ...known.reply.headers, 'idempotent-replayed': 'true' });
    response.end(known.reply.body);
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

/** Reads along; the answer is there once the body has been read. */
function digestOf(request: IncomingMessage): () => string {
  const hash = createHash('sha256');
  request.on('data', (chunk: Buffer) => hash.update(chunk));
  return () => hash.digest('hex');
}

/** Keeps what is written to the client, up to a bound; undefined when it was more or broke off. */
function capture(response: ServerResponse): () => Recorded['reply'] {
  const parts: Buffer[] = [];
  let length = 0;
  const keep = (chunk: unknown) => {
    if (typeof chunk !== 'string' && !(chunk instanceof Uint8Array)) return;
    length += chunk.length;
    if (length <= largestReply) parts.push(Buffer.from(chunk));
  };
  const { write, end } = response;
  let headers: Record<string, string> = {};
  const { writeHead } = response;
  response.writeHead = ((status: number, own: Record<string, string>) => {
    headers = own;
    return writeHead.call(response, status, own);
  }) as ServerResponse['writeHead'];
  response.write = ((chunk: unknown, ...rest: never[]) => {
    keep(chunk);
    return write.call(response, chunk, ...(rest as [never]));
  }) as ServerResponse['write'];
  response.end = ((chunk: unknown, ...rest: never[]) => {
    keep(chunk);
    return end.call(response, chunk, ...(rest as [never]));
  }) as ServerResponse['end'];
  return () => (length > largestReply || !response.writableFinished ? undefined : { status: response.statusCode, headers, body: Buffer.concat(parts) });
}
