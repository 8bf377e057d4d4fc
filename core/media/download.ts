/**
 * One file from an address that a caller chose.
 *
 * Every hop is checked by the address rules when it is connected to; hops,
 * bytes and time are bounded. Nothing of the gateway's or the caller's
 * credentials goes along. Addresses are never quoted: signed ones are secrets.
 */
import { RutterError } from '@rutter/plugin-sdk';
import type { Upstream } from '../upstream/exchange.ts';
import { kernelFetch } from '../upstream/kernel-fetch.ts';

const mostHops = 3;
const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

export interface DownloadOptions {
  readonly maxBytes: number;
  /** For all hops together. */
  readonly timeoutMs: number;
  readonly userAgent: string;
  readonly signal: AbortSignal;
  /** Told of bytes as they come; throws when they are more than all downloads together may be. */
  count(bytes: number): void;
}

export interface Downloaded {
  readonly bytes: Buffer;
  /** The `content-type` header as it came. */
  readonly contentType: string | undefined;
}

/** Throws ERR_REQUEST_INVALID or ERR_REQUEST_REFUSED, saying what was found in place of the file. */
export async function download(upstream: Upstream, address: string, options: DownloadOptions): Promise<Downloaded> {
  const endsAt = performance.now() + options.timeoutMs;
  let url = address;
  for (let hop = 0; hop <= mostHops; hop++) {
    // Ends what is left unread of a hop.
    const done = new AbortController();
    try {
      const reply = await kernelFetch(upstream, url, {
        headers: { 'user-agent': options.userAgent, accept: '*/*', 'accept-encoding': 'identity' },
        timeoutMs: Math.max(1, Math.ceil(endsAt - performance.now())),
        maxBytes: options.maxBytes,
        signal: AbortSignal.any([options.signal, done.signal]),
      });
      const next = redirects.has(reply.status) ? reply.headers.location : undefined;
      if (next === undefined) return await read(reply, options);
      const target = URL.parse(next, url);
      if (target === null) throw found('a redirect to what is no address');
      url = target.href;
    } finally {
      done.abort();
    }
  }
  throw found(`more than ${mostHops} redirects`);
}

type Reply = Awaited<ReturnType<typeof kernelFetch>>;

async function read({ status, headers, body }: Reply, { maxBytes, count }: DownloadOptions): Promise<Downloaded> {
  const fault = faultOf(status, headers, maxBytes);
  if (fault) throw found(fault);
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) {
    count(chunk.length);
    chunks.push(chunk);
  }
  if (chunks.length === 0) throw found('nothing: the answer is empty');
  return { bytes: Buffer.concat(chunks), contentType: headers['content-type'] };
}

function faultOf(status: number, headers: Readonly<Record<string, string>>, maxBytes: number): string | undefined {
  if (status !== 200) return `the answer ${status}`;
  const coding = headers['content-encoding'];
  if (coding !== undefined && coding !== 'identity') return `the coding ${JSON.stringify(coding.slice(0, 20))}`;
  const told = Number(headers['content-length']);
  return told > maxBytes ? `${told} bytes, where at most ${maxBytes} are taken` : undefined;
}

/** `what` was found at the address. */
const found = (what: string) => new RutterError('ERR_REQUEST_INVALID', `found ${what}`);
