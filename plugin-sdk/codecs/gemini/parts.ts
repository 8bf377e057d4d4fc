/**
 * Content parts as parts of Gemini's.
 *
 * Inline bytes go as they are. Of addresses Google reads its own: `gs://`, the
 * Files API and YouTube; others have been fetched by the kernel, see `inlines`.
 */
import type { FilePart, ImagePart, Part } from '../../contract/chat.ts';
import { RutterError } from '../../contract/errors.ts';
import { defined, isFilled, isObject, isString, type JsonObject, readDataUri } from '../values.ts';
import { geminiOrigin } from './names.ts';

const refused = (path: string, what: string) =>
  new RutterError(
    'ERR_REQUEST_UNSUPPORTED_PARAMETER',
    `${path}: found ${what}, expected text, or an image, sound, film or document. Leave it out, or call a model that takes it.`,
    { param: path },
  );

/** Parts of a message's content; empty texts are left out. */
export function writeContent(content: string | readonly Part[], path: string): JsonObject[] {
  if (isString(content)) return content === '' ? [] : [{ text: content }];
  return content.flatMap((part, index) => writePart(part, `${path}.content[${index}]`));
}

function writePart(part: Part, path: string): JsonObject[] {
  switch (part.type) {
    case 'text':
      return part.text === '' ? [] : [{ text: part.text }];
    case 'image':
      return [writeMedia(part, innerOf(part.extra, 'image_url'), { path, fallback: 'image/png' })];
    case 'file':
      return [writeMedia(part, innerOf(part.extra, 'file'), { path, fallback: 'application/pdf' })];
    case 'audio':
      return [inline(part.data, audioTypes[part.format] ?? `audio/${part.format}`)];
    case 'other':
      return [writeOther(part.origin, part.value, path)];
  }
}

const audioTypes: Readonly<Record<string, string>> = {
  mp3: 'audio/mp3',
  m4a: 'audio/mp4',
  pcm16: 'audio/pcm',
  mpeg: 'audio/mpeg',
};

const innerOf = (extra: Readonly<JsonObject> | undefined, name: string): JsonObject =>
  isObject(extra?.[name]) ? (extra[name] as JsonObject) : {};

const inline = (data: string, mediaType: string): JsonObject => ({ inline_data: { mime_type: mediaType, data } });

/** `format` and `video_metadata` are LiteLLM's way to say of a file what its address does not. */
function writeMedia(
  part: ImagePart | FilePart,
  { format, video_metadata: film }: JsonObject,
  { path, fallback }: { readonly path: string; readonly fallback: string },
): JsonObject {
  const { data, url, mediaType } = part;
  const more = isObject(film) ? { video_metadata: film } : {};
  const told = (isFilled(format) ? format : undefined) ?? mediaType;
  if (data !== undefined) return { ...inline(data, told ?? fallback), ...more };
  const address = url ?? ('fileId' in part ? part.fileId : undefined);
  const found = address === undefined ? undefined : readDataUri(address);
  if (found !== undefined) return { ...inline(found.data, told ?? found.mediaType), ...more };
  if (address === undefined || !isReadable(address))
    throw refused(path, address === undefined ? 'a file without data or address' : 'an address the vendor cannot read');
  return { file_data: defined({ mime_type: told ?? typeOf(address), file_uri: address }), ...more };
}

/** Files of Google's own places; a bare id is one of the Files API. */
const isReadable = (address: string): boolean =>
  /^(?:gs|https?):\/\//i.test(address) || /^files\/[\w-]+$/.test(address);

const ownAddress =
  /^https?:\/\/(?:generativelanguage\.googleapis\.com|(?:www\.|m\.)?youtube\.com|youtu\.be)(?::\d+)?(?:[/?#]|$)/i;

/** Addresses that Google reads itself: of its Files API and of YouTube. */
export const readsAddress = (address: string): boolean => ownAddress.test(address);

const typesByEnding: Readonly<Record<string, string>> = {
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  webp: 'image/webp',
  gif: 'image/gif',
  heic: 'image/heic',
  heif: 'image/heif',
  pdf: 'application/pdf',
  txt: 'text/plain',
  md: 'text/markdown',
  csv: 'text/csv',
  html: 'text/html',
  json: 'application/json',
  mp3: 'audio/mp3',
  wav: 'audio/wav',
  ogg: 'audio/ogg',
  flac: 'audio/flac',
  m4a: 'audio/mp4',
  mp4: 'video/mp4',
  mov: 'video/mov',
  webm: 'video/webm',
  mpeg: 'video/mpeg',
  mpg: 'video/mpg',
  avi: 'video/avi',
  wmv: 'video/wmv',
  flv: 'video/x-flv',
  '3gp': 'video/3gpp',
};

/** By the address's ending; undefined where that tells nothing, as at YouTube and the Files API. */
function typeOf(address: string): string | undefined {
  const ending = /\.([A-Za-z0-9]{2,4})$/.exec(address.split(/[?#]/, 1)[0] ?? '')?.[1]?.toLowerCase() ?? '';
  return Object.hasOwn(typesByEnding, ending) ? typesByEnding[ending] : undefined;
}

const nativeNames = ['inlineData', 'inline_data', 'fileData', 'file_data', 'executableCode', 'codeExecutionResult'];

function writeOther(origin: string, value: unknown, path: string): JsonObject {
  if (!isObject(value)) throw refused(path, 'a value without a type');
  if (origin === geminiOrigin || nativeNames.some((name) => value[name] !== undefined)) return value;
  if (value.type === 'refusal' && isString(value.refusal)) return { text: value.refusal };
  const { video_url: film } = value;
  const inner = isString(film) ? { url: film } : film;
  if (value.type === 'video_url' && isObject(inner) && isFilled(inner.url))
    return writeMedia({ type: 'file', url: inner.url }, inner, { path, fallback: 'video/mp4' });
  throw refused(path, `a part of type ${JSON.stringify(value.type)}`);
}

/** A reply's image, as a client shows it in the history. */
export function writeImage(value: unknown): JsonObject[] {
  if (!isObject(value)) return [];
  const { image_url: image, thought_signature: signature } = value;
  const url = isObject(image) ? image.url : image;
  const found = isString(url) ? readDataUri(url) : undefined;
  if (found === undefined) return [];
  return [
    defined({ ...inline(found.data, found.mediaType), thoughtSignature: isString(signature) ? signature : undefined }),
  ];
}
