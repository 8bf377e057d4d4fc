/** Images, documents, videos and sounds as Converse names them: by format, with bytes or a place in S3. */
import { type AudioPart, type FilePart, type ImagePart, RutterError } from '@rutter/plugin-sdk';
import { defined, isObject, isString, type JsonObject, readDataUri } from '@rutter/plugin-sdk/codecs';
import type { DocumentNames } from './names.ts';

const images = new Map([
  ['image/png', 'png'],
  ['image/jpeg', 'jpeg'],
  ['image/jpg', 'jpeg'],
  ['image/gif', 'gif'],
  ['image/webp', 'webp'],
]);
const documents = new Map([
  ['application/pdf', 'pdf'],
  ['text/csv', 'csv'],
  ['application/msword', 'doc'],
  ['application/vnd.openxmlformats-officedocument.wordprocessingml.document', 'docx'],
  ['application/vnd.ms-excel', 'xls'],
  ['application/vnd.openxmlformats-officedocument.spreadsheetml.sheet', 'xlsx'],
  ['text/html', 'html'],
  ['text/plain', 'txt'],
  ['text/markdown', 'md'],
]);
const videos = new Map([
  ['video/x-matroska', 'mkv'],
  ['video/quicktime', 'mov'],
  ['video/mp4', 'mp4'],
  ['video/webm', 'webm'],
  ['video/x-flv', 'flv'],
  ['video/mpeg', 'mpeg'],
  ['video/x-ms-wmv', 'wmv'],
  ['video/3gpp', 'three_gp'],
]);
const sounds = new Set([
  ...['mp3', 'opus', 'wav', 'aac', 'flac', 'mp4', 'ogg', 'mkv', 'mka', 'x-aac', 'm4a', 'mpeg', 'mpga', 'pcm', 'webm'],
]);
const documentFormats = new Set(documents.values());
const videoFormats = new Set(videos.values());
/** Endings that stand for a format of another name. */
const endings = new Map([
  ['jpg', 'jpeg'],
  ['htm', 'html'],
  ['text', 'txt'],
  ['markdown', 'md'],
  ['mpg', 'mpeg'],
  ['3gp', 'three_gp'],
]);

/** First characters of base64 that tell an image's format, whatever its label says. */
const signatures: readonly (readonly [string, string])[] = [
  ['iVBORw0KGgo', 'png'],
  ['/9j/', 'jpeg'],
  ['R0lGOD', 'gif'],
  ['UklGR', 'webp'],
];

const refused = (path: string, found: string, expected: string) =>
  new RutterError('ERR_REQUEST_UNSUPPORTED_PARAMETER', `${path}: found ${found}, expected ${expected}.`, {
    param: path,
  });

const typeOf = (mediaType: string | undefined) => mediaType?.toLowerCase().split(';')[0]?.trim() ?? '';

function endingOf(name: string | undefined): string | undefined {
  const ending = /\.([A-Za-z0-9]{1,8})$/.exec(name ?? '')?.[1]?.toLowerCase();
  return ending === undefined ? undefined : (endings.get(ending) ?? ending);
}

/** An address in S3 as a source; undefined for any other. */
const inS3 = (url: string | undefined): JsonObject | undefined =>
  url?.startsWith('s3://') === true ? { s3Location: { uri: url } } : undefined;

export function imageBlock({ data, url, mediaType }: ImagePart, path: string): JsonObject {
  const inline = url === undefined ? undefined : readDataUri(url);
  const bytes = data ?? inline?.data;
  const source = bytes === undefined ? inS3(url) : { bytes };
  if (source === undefined) throw refused(path, 'an image by address', 'an image as base64 data, or one in S3');
  const told = typeOf(mediaType ?? inline?.mediaType);
  const seen = bytes === undefined ? undefined : signatures.find(([start]) => bytes.startsWith(start))?.[1];
  const format = seen ?? images.get(told) ?? (told === '' ? imageEnding(url) : undefined);
  if (format === undefined) throw refused(path, told || 'an image of unknown type', 'image/png, jpeg, gif or webp');
  return { image: { format, source } };
}

function imageEnding(url: string | undefined): string | undefined {
  const ending = endingOf(url);
  return [...images.values()].find((format) => format === ending);
}

/** A document; or an image or a video, where the type of the file says so. */
export function fileBlock(part: FilePart, path: string, names: DocumentNames): JsonObject {
  const inline = part.url === undefined ? undefined : readDataUri(part.url);
  const data = part.data ?? inline?.data;
  const type = typeOf(part.mediaType ?? inline?.mediaType);
  const place = inS3(part.url ?? part.fileId);
  if (type.startsWith('image/')) {
    const { url } = part;
    return imageBlock({ type: 'image', mediaType: type, ...defined({ data, url }) }, path);
  }
  const source = data === undefined ? place : { bytes: data };
  if (source === undefined)
    throw refused(path, 'a file by address or id', 'a file as base64 data, or one in S3 (s3://bucket/key)');
  const ending = endingOf(part.name ?? part.url);
  const video = videos.get(type) ?? (ending !== undefined && videoFormats.has(ending) ? ending : undefined);
  if (video !== undefined) return { video: { format: video, source } };
  const format = documents.get(type) ?? (ending !== undefined && documentFormats.has(ending) ? ending : undefined);
  // Without type or name a file is what files most often are.
  const known = format ?? (type === '' && ending === undefined ? 'pdf' : type.startsWith('text/') ? 'txt' : undefined);
  if (known === undefined) throw refused(path, type || `.${ending}`, [...documentFormats].join(', '));
  return { document: { format: known, name: names.next(part.name), source } };
}

export function audioBlock({ data, format }: AudioPart, path: string): JsonObject {
  if (!sounds.has(format)) throw refused(path, `audio in ${format}`, [...sounds].join(', '));
  return { audio: { format, source: { bytes: data } } };
}

/** A video in OpenAI's way of writing: `{type: 'video_url', video_url: {url}}`. */
export function videoBlock(value: JsonObject, path: string): JsonObject {
  const { video_url: told } = value;
  const url = isObject(told) ? told.url : told;
  const inline = isString(url) ? readDataUri(url) : undefined;
  const source = inline === undefined ? inS3(isString(url) ? url : undefined) : { bytes: inline.data };
  if (source === undefined) throw refused(path, 'a video by address', 'a video as base64 data, or one in S3');
  const ending = endingOf(isString(url) ? url : undefined);
  const format =
    videos.get(typeOf(inline?.mediaType)) ?? (ending !== undefined && videoFormats.has(ending) ? ending : 'mp4');
  return { video: { format, source } };
}
