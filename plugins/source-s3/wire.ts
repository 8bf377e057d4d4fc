/** The little that is read and written of S3's wire format. */

/** A key as it stands in a path, each part percent-encoded (RFC 3986 §2.3); `kept` is left as it is. */
export function encodeKey(key: string, kept: '' | '/'): string {
  const encoded = encodeURIComponent(key).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return kept === '/' ? encoded.replaceAll('%2F', '/') : encoded;
}

const textOf = (xml: string, tag: string): string | undefined => new RegExp(`<${tag}>([^<]*)</${tag}>`).exec(xml)?.[1];

/** One page of ListObjectsV2, keys as XML writes them. */
export function readPage(xml: string): {
  readonly entries: readonly { readonly key: string; readonly etag: string; readonly size: number }[];
  readonly next: string | undefined;
} {
  const entries = Array.from(xml.matchAll(/<Contents>(.*?)<\/Contents>/gs), ([, entry = '']) => ({
    key: unescaped(textOf(entry, 'Key') ?? ''),
    etag: unescaped(textOf(entry, 'ETag') ?? ''),
    size: Number(textOf(entry, 'Size') ?? 0),
  }));
  const isCut = textOf(xml, 'IsTruncated') === 'true';
  const next = textOf(xml, 'NextContinuationToken');
  return { entries, next: isCut && next !== undefined ? unescaped(next) : undefined };
}

/** The code of an error document; '' where there is none. */
export const readErrorCode = (xml: string): string => /<Code>(\w{1,80})<\/Code>/.exec(xml)?.[1] ?? '';

const entities: Readonly<Record<string, string>> = { quot: '"', amp: '&', lt: '<', gt: '>', apos: "'" };

const unescaped = (text: string): string =>
  text.replace(/&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|(\w+));/gi, (whole, hex?: string, decimal?: string, name?: string) => {
    if (name !== undefined) return entities[name] ?? whole;
    const point = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
    return point <= 0x10ffff ? String.fromCodePoint(point) : whole;
  });
