/**
 * What the HTTP parser lets through and no two servers read alike (RFC 9112):
 * hosts, versions, transfer codings, targets with a scheme.
 */
import type { IncomingMessage } from 'node:http';
import { RutterError } from '@rutter/plugin-sdk';

export const maxHeadBytes = 32 * 1024;
/** More headers are refused, here where the parser would leave the rest out without a word. */
export const mostHeaders = 200;

const invalid = (message: string) => new RutterError('ERR_REQUEST_INVALID', message);

/** ERR_REQUEST_INVALID, or ERR_REQUEST_TOO_LARGE for too many headers. */
export function headFault({ rawHeaders, headers, httpVersion }: IncomingMessage): RutterError | undefined {
  if (rawHeaders.length > 2 * mostHeaders) return headTooLarge();
  if (httpVersion !== '1.1' && httpVersion !== '1.0')
    return invalid(`The request line says HTTP/${httpVersion}; expected HTTP/1.1.`);
  const hosts = countHosts(rawHeaders);
  if (hosts > 1) return invalid(`The request has ${hosts} Host headers; expected one.`);
  if (hosts === 0 && httpVersion === '1.1') return invalid('The request has no Host header; expected one.');
  const coding = headers['transfer-encoding'];
  if (coding === undefined || coding.toLowerCase() === 'chunked') return undefined;
  return invalid(`Transfer-Encoding is ${JSON.stringify(coding.slice(0, 64))}; expected "chunked" and nothing else.`);
}

export const headTooLarge = () =>
  new RutterError(
    'ERR_REQUEST_TOO_LARGE',
    `The request head has more than ${maxHeadBytes} bytes or ${mostHeaders} headers; expected fewer or shorter ones.`,
    { status: 431 },
  );

function countHosts(rawHeaders: readonly string[]): number {
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string;
    if (name.length === 4 && name.toLowerCase() === 'host') count++;
  }
  return count;
}

/** Path and query of a request target, `http://host/path` included (RFC 9112 §3.2.2). */
export function originForm(target: string): string {
  if (target.startsWith('/') || !/^https?:\/\//i.test(target)) return target;
  const start = target.indexOf('/', 8);
  return start < 0 ? '/' : target.slice(start);
}
