/**
 * What bytes are, by their first few: a name or a header may say anything.
 *
 * Signatures: https://mimesniff.spec.whatwg.org/#matching-an-image-type-pattern, ISO 32000-2 §7.5.2 for PDF.
 */

/** Bytes from the front that every signature lies within; a PDF may begin late. */
export const signatureBytes = 1024;

type Signature = readonly [type: string, matches: (bytes: Uint8Array) => boolean];

const starts =
  (text: string, at = 0) =>
  (bytes: Uint8Array): boolean => {
    for (let index = 0; index < text.length; index++) if (bytes[at + index] !== text.charCodeAt(index)) return false;
    return true;
  };

const signatures: readonly Signature[] = [
  ['image/png', starts('\x89PNG\r\n\x1a\n')],
  ['image/jpeg', starts('\xff\xd8\xff')],
  ['image/gif', (bytes) => starts('GIF87a')(bytes) || starts('GIF89a')(bytes)],
  ['image/webp', (bytes) => starts('RIFF')(bytes) && starts('WEBP', 8)(bytes)],
  ['image/bmp', starts('BM')],
  ['image/tiff', (bytes) => starts('II*\0')(bytes) || starts('MM\0*')(bytes)],
  ['image/avif', (bytes) => starts('ftypavif', 4)(bytes)],
  ['image/heic', (bytes) => starts('ftypheic', 4)(bytes) || starts('ftypmif1', 4)(bytes)],
  ['application/pdf', (bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes('%PDF-')],
];

/** The media type that the first bytes show; undefined for any that show none. */
export function mediaTypeOf(bytes: Uint8Array): string | undefined {
  const front = bytes.subarray(0, signatureBytes);
  return signatures.find(([, matches]) => matches(front))?.[0];
}

/** `text/html` of `Text/HTML; charset=utf-8`; undefined for nothing, and for what says nothing of the content. */
export function statedType(header: string | undefined): string | undefined {
  const type = header?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  return type === '' || type === 'application/octet-stream' || type === 'binary/octet-stream' ? undefined : type;
}
