/** A reply as it went out, kept to be sent once more. */
import type { ServerResponse } from 'node:http';
import { headerRecord } from './write-head.ts';

export interface RecordedReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

const mostBytes = 1024 * 1024;

/** Reads along with what is written; gives the reply afterwards, undefined when it was too large. */
export function recordReply(response: ServerResponse): () => RecordedReply | undefined {
  const parts: Buffer[] = [];
  let length = 0;
  let headers: Record<string, string> = {};
  const keep = (chunk: unknown, encoding: unknown) => {
    if (typeof chunk !== 'string' && !(chunk instanceof Uint8Array)) return;
    const bytes =
      typeof chunk === 'string' ? Buffer.from(chunk, encoding === 'latin1' ? encoding : 'utf8') : Buffer.from(chunk);
    length += bytes.length;
    if (length <= mostBytes) parts.push(bytes);
    else parts.length = 0;
  };
  const { write, end, writeHead } = response;
  response.writeHead = ((status: number, own: string[]) => {
    headers = headerRecord(own);
    return writeHead.call(response, status, own);
  }) as unknown as ServerResponse['writeHead'];
  response.write = ((chunk: unknown, ...rest: never[]) => {
    keep(chunk, rest[0]);
    return write.call(response, chunk, ...(rest as [never]));
  }) as ServerResponse['write'];
  response.end = ((chunk: unknown, ...rest: never[]) => {
    keep(chunk, rest[0]);
    return end.call(response, chunk, ...(rest as [never]));
  }) as ServerResponse['end'];
  return () => (length > mostBytes ? undefined : { status: response.statusCode, headers, body: Buffer.concat(parts) });
}
