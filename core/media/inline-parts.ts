/**
 * Parts of a request by address, made inline for vendors that take bytes only.
 *
 * An address is fetched once a request, however often it stands there and
 * however many deployments are tried. What cannot be had is the caller's to
 * mend: the error names the part.
 */
import {
  type ChatRequest,
  type FilePart,
  type ImagePart,
  type Message,
  type Part,
  RutterError,
} from '@rutter/plugin-sdk';
import type { Upstream } from '../upstream/exchange.ts';
import { download } from './download.ts';
import { mediaTypeOf, signatureBytes, statedType } from './media-type.ts';

type InlineSort = 'image' | 'file';

/** What a part becomes. */
export interface InlineContent {
  readonly mediaType: string;
  /** Base64. */
  readonly data: string;
}

export interface InlineLimits {
  readonly maxBytes: number;
  /** Of all parts of a request together. */
  readonly maxTotalBytes: number;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly userAgent: string;
}

/** Downloads at one time. */
const lanes = 6;
/** More addresses in one request ask for a crawl, not for an answer. */
const mostAddresses = 64;

type Inlinable = ImagePart | FilePart;

/** Which parts a vendor wants inline. */
export interface InlineRule {
  readonly sorts: readonly InlineSort[];
  /** Whether the vendor reads an http(s) address itself. */
  reads(address: string): boolean;
  /** Whether any file may stand where an image is expected. */
  readonly imagesAreFiles: boolean;
}

/** What a part has to be. */
type Expected = Pick<FilePart, 'mediaType'> & { readonly type: InlineSort };

function isOf(part: Part, { sorts, reads }: InlineRule): part is Inlinable {
  if ((part.type !== 'image' && part.type !== 'file') || !sorts.includes(part.type)) return false;
  if (part.data !== undefined || part.url === undefined) return part.data !== undefined;
  // A file id, or an address of a vendor's own kind, is the codec's to judge.
  return /^data:/i.test(part.url) || (/^https?:/i.test(part.url) && !reads(part.url));
}

/** Whether some part is to be inline, by its address or by data that has to be looked at. */
export const hasParts = ({ messages }: Pick<ChatRequest, 'messages'>, rule: InlineRule): boolean =>
  messages.some(({ content }) => typeof content !== 'string' && content.some((part) => isOf(part, rule)));

/** The files of one request; kept by the call, so that every attempt finds what the first one fetched. */
export class InlineFiles {
  readonly #upstream: Upstream;
  readonly #limits: InlineLimits;
  readonly #found = new Map<string, Promise<InlineContent>>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #total = 0;

  constructor(upstream: Upstream, limits: InlineLimits) {
    this.#upstream = upstream;
    this.#limits = limits;
  }

  /**
   * Messages with all such parts inline; unchanged messages are the same objects. `isWhole` says whether
   * a text is all there: a stand-in for a long one is checked by its head only.
   */
  async inline(
    messages: readonly Message[],
    rule: InlineRule,
    isWhole: (text: string) => boolean,
  ): Promise<readonly Message[]> {
    return Promise.all(
      messages.map(async (message, at) => {
        const { content } = message;
        if (typeof content === 'string' || !content.some((part) => isOf(part, rule))) return message;
        const parts = content.map((part, index) =>
          isOf(part, rule)
            ? this.#part(part, `messages[${at}].content[${index}]`, { isWhole, isFile: rule.imagesAreFiles })
            : part,
        );
        return { ...message, content: await Promise.all(parts) };
      }),
    );
  }

  async #part(
    part: Inlinable,
    path: string,
    { isWhole, isFile }: { readonly isWhole: (text: string) => boolean; readonly isFile: boolean },
  ): Promise<Inlinable> {
    const expected: Expected = isFile ? { ...part, type: 'file' } : part;
    try {
      if (part.data !== undefined) return { ...part, ...checkedData(expected, part.data, isWhole(part.data)) };
      const { url } = part;
      if (url === undefined) return part;
      const content = /^data:/i.test(url) ? fromDataUri(url, expected) : await this.#fetched(url, expected);
      const { url: _, ...rest } = part;
      return { ...rest, ...content };
    } catch (error) {
      throw named(error, path, part);
    }
  }

  #fetched(url: string, part: Expected): Promise<InlineContent> {
    const key = `${part.type} ${url}`;
    const known = this.#found.get(key);
    if (known) return known;
    if (this.#found.size >= mostAddresses)
      return Promise.reject(invalid(`found more than ${mostAddresses} addresses in one request`));
    const fetching = this.#inLane(() => this.#fetch(url, part));
    this.#found.set(key, fetching);
    return fetching;
  }

  async #inLane<T>(run: () => Promise<T>): Promise<T> {
    if (this.#running >= lanes) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running++;
    try {
      return await run();
    } finally {
      // The lane is handed on, so that nobody else can take it in between.
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running--;
    }
  }

  async #fetch(url: string, part: Expected): Promise<InlineContent> {
    const { maxBytes, maxTotalBytes, timeoutMs, signal, userAgent } = this.#limits;
    const count = (bytes: number) => {
      this.#total += bytes;
      if (this.#total > maxTotalBytes)
        throw invalid(`found files of more than ${maxTotalBytes} bytes together, expected fewer in one request`);
    };
    const { bytes, contentType } = await download(this.#upstream, url, {
      maxBytes,
      timeoutMs,
      userAgent,
      signal,
      count,
    });
    return { mediaType: checkedType(part, bytes, statedType(contentType)), data: bytes.toString('base64') };
  }
}

const invalid = (message: string) => new RutterError('ERR_REQUEST_INVALID', message);

/** The error of one part: a refusal stays one, and an aborted request is no fault of the part. */
function named(error: unknown, path: string, { type }: Inlinable): unknown {
  if (!RutterError.is(error)) return error;
  const { code } = error;
  if (code === 'ERR_REQUEST_ABORTED' || code.startsWith('ERR_KERNEL_') || error.param !== undefined) return error;
  const what = type === 'image' ? 'image' : 'file';
  const why = code.startsWith('ERR_PROVIDER_') ? failures(error) : error.message;
  return new RutterError(
    code === 'ERR_REQUEST_REFUSED' ? code : 'ERR_REQUEST_INVALID',
    `${path}: the ${what} could not be read: ${why.replace(/\.$/, '')}. This model takes it only as bytes: expected base64 data, or an address that the gateway can fetch.`,
    { param: path, cause: error },
  );
}

/** What went wrong at the file's server, without its address. */
function failures({ code, message }: RutterError): string {
  if (code === 'ERR_PROVIDER_TIMEOUT') return 'its server did not answer in time';
  if (code === 'ERR_PROVIDER_MALFORMED' && / bytes\.$/.test(message)) return 'found more bytes than are taken';
  return code === 'ERR_PROVIDER_MALFORMED'
    ? 'its server did not answer in HTTP'
    : 'its server could not be reached, or broke off';
}

/** The media type that is right for a part's bytes; throws where the bytes are none of the sort. */
function checkedType(part: Expected, bytes: Uint8Array, stated: string | undefined): string {
  const seen = mediaTypeOf(bytes);
  if (part.type === 'image') {
    if (stated !== undefined && !stated.startsWith('image/'))
      throw invalid(`found content of type ${shown(stated)}, expected an image`);
    if (seen?.startsWith('image/')) return seen;
    throw invalid(`found ${seen ?? 'bytes of no known kind'}, expected a PNG, JPEG, GIF or WebP image`);
  }
  if (seen !== undefined) return seen;
  const type = part.mediaType ?? stated ?? (isText(bytes) ? 'text/plain' : undefined);
  if (type === undefined) throw invalid('found bytes of no known kind, expected a media type with them');
  if (type === 'application/pdf' || type.startsWith('image/'))
    throw invalid(`found other bytes than those of ${shown(type)}`);
  return type;
}

const isText = (bytes: Uint8Array) => {
  try {
    return !new TextDecoder('utf-8', { fatal: true }).decode(bytes).includes('\0');
  } catch {
    return false;
  }
};

const shown = (type: string) => JSON.stringify(type.slice(0, 60));

const base64 = /^[A-Za-z0-9+/_-]*={0,2}$/;
/** Four characters are three bytes. */
const headLength = Math.ceil(signatureBytes / 3) * 4;

/** Data that came inline: its alphabet is checked where it is all there, its type by the first bytes. */
function checkedData(part: Expected, data: string, isWhole: boolean): Partial<InlineContent> {
  const text = isWhole && /\s/.test(data) ? data.replace(/\s+/g, '') : data;
  if (text === '') throw invalid('found no data');
  if (isWhole && !base64.test(text)) throw invalid('found data that is not base64');
  // A stand-in begins as the data does; its own characters are none of base64 and end what can be read.
  const head = /^[A-Za-z0-9+/_-]*/.exec(text.slice(0, headLength))?.[0] ?? '';
  const bytes = Buffer.from(head, 'base64');
  const mediaType = isWhole || part.type === 'image' ? checkedType(part, bytes, statedType(part.mediaType)) : undefined;
  return { data: text, ...(mediaType !== undefined && { mediaType }) };
}

/** RFC 2397, also where the data is not base64. */
function fromDataUri(uri: string, part: Expected): InlineContent {
  const comma = uri.indexOf(',');
  if (comma === -1) throw invalid('found a data address without data');
  const head = uri.slice('data:'.length, comma);
  const isBase64 = /;\s*base64\s*$/i.test(head);
  const body = uri.slice(comma + 1);
  const text = isBase64 ? decoded(body).replace(/\s+/g, '') : Buffer.from(decoded(body), 'utf8').toString('base64');
  if (!base64.test(text)) throw invalid('found data that is not base64');
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length === 0) throw invalid('found no data');
  return { mediaType: checkedType(part, bytes, statedType(head)), data: bytes.toString('base64') };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid('found a data address with broken escapes');
  }
}
