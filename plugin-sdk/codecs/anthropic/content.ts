/** Content parts as blocks of the Messages API. */
import type { FilePart, ImagePart, Part } from '../../contract/chat.ts';
import { RutterError } from '../../contract/errors.ts';
import { defined, isObject, isString, type JsonObject } from '../values.ts';
import { messagesDialect } from './names.ts';

/** Block types of the API itself that callers of other dialects may write into content as they stand. */
const nativeTypes = new Set<unknown>([
  'document',
  'search_result',
  'container_upload',
  'tool_reference',
  'thinking',
  'redacted_thinking',
]);

const refused = (path: string, what: string) =>
  new RutterError(
    'ERR_REQUEST_UNSUPPORTED_PARAMETER',
    `${path}: found ${what}, expected text, an image or a document. Leave it out, or call a model that takes it.`,
    {
      param: path,
    },
  );

/** Blocks of a message's content; empty texts are left out, because the API refuses them. */
export function writeContent(content: string | readonly Part[], path: string): JsonObject[] {
  if (isString(content)) return content === '' ? [] : [{ type: 'text', text: content }];
  return content.flatMap((part, index): JsonObject[] => {
    const block = writePart(part, `${path}.content[${index}]`);
    return block === undefined ? [] : [block];
  });
}

function writePart(part: Part, path: string): JsonObject | undefined {
  switch (part.type) {
    case 'text':
      return part.text === ''
        ? undefined
        : defined({ type: 'text', text: part.text, cache_control: part.cacheControl });
    case 'image':
      return defined({ type: 'image', source: imageSource(part, path), cache_control: part.cacheControl });
    case 'file':
      return writeFile(part, path);
    case 'audio':
      throw refused(path, 'audio');
    case 'other':
      return writeOther(part.origin, part.value, path);
  }
}

function imageSource({ url, data, mediaType = 'image/png' }: ImagePart, path: string): JsonObject {
  if (data !== undefined) return { type: 'base64', media_type: mediaType, data };
  if (url !== undefined && /^https?:/i.test(url)) return { type: 'url', url };
  throw refused(path, 'an image address that is neither https nor base64 data');
}

function writeFile({ data, mediaType, name, url, fileId, cacheControl }: FilePart, path: string): JsonObject {
  const type = mediaType ?? 'application/pdf';
  const isImage = type.startsWith('image/');
  const source = fileSource(data, type, url ?? fileId);
  if (source === undefined) throw refused(path, 'a file without data, address or id');
  // A title is shown to the model; images have none.
  return defined({
    type: isImage ? 'image' : 'document',
    source,
    title: isImage ? undefined : name,
    cache_control: cacheControl,
  });
}

function fileSource(data: string | undefined, mediaType: string, place: string | undefined): JsonObject | undefined {
  if (data !== undefined && mediaType.startsWith('text/')) {
    return { type: 'text', media_type: 'text/plain', data: Buffer.from(data, 'base64').toString('utf8') };
  }
  if (data !== undefined) return { type: 'base64', media_type: mediaType, data };
  if (place === undefined) return undefined;
  return /^https?:/i.test(place) ? { type: 'url', url: place } : { type: 'file', file_id: place };
}

function writeOther(origin: string, value: unknown, path: string): JsonObject {
  if (!isObject(value)) throw refused(path, 'a value without a type');
  if (origin === messagesDialect || nativeTypes.has(value.type)) return value;
  if (value.type === 'refusal' && isString(value.refusal)) return { type: 'text', text: value.refusal };
  throw refused(path, `a part of type ${JSON.stringify(value.type)}`);
}
