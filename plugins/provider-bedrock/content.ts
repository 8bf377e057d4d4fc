/** Parts of messages as content blocks of Converse, cache marks as the points behind them. */
import { type Extra, type Part, RutterError } from '@rutter/plugin-sdk';
import { type Drops, isArray, isObject, isString, type JsonObject } from '@rutter/plugin-sdk/codecs';
import { audioBlock, fileBlock, imageBlock, videoBlock } from './media.ts';
import { cachesPrompts, converseDialect, isClaude, isOpaque, type Model } from './model.ts';
import { DocumentNames, type ToolNames } from './names.ts';

export type Block = JsonObject;

/** What all writers of one request share. */
export interface Writing {
  readonly model: Model;
  readonly names: ToolNames;
  readonly drops: Drops;
}

/** The point that a cache mark (`cache_control`) stands for; undefined for no mark, or a model that does not cache. */
export function cachePoint(mark: unknown, { model, drops }: Writing): Block | undefined {
  if (!isObject(mark)) return undefined;
  if (!cachesPrompts(model)) {
    if (!drops.dropped.includes('cache_control')) drops.dropped.push('cache_control');
    return undefined;
  }
  // Only Claude's caches live for other times than the usual five minutes.
  const hasTtl = (isClaude(model) || isOpaque(model)) && (mark.ttl === '1h' || mark.ttl === '5m');
  return { cachePoint: { type: 'default', ...(hasTtl && { ttl: mark.ttl }) } };
}

/** A mark on the message itself belongs behind its last block. */
export function marked(blocks: Block[], extra: Extra | undefined, writing: Writing): Block[] {
  const last = blocks.at(-1);
  if (last === undefined || 'cachePoint' in last) return blocks;
  const point = cachePoint(extra?.cache_control, writing);
  return point === undefined ? blocks : [...blocks, point];
}

const refused = (path: string, found: string) =>
  new RutterError(
    'ERR_REQUEST_UNSUPPORTED_PARAMETER',
    `${path}: found ${found}, expected text, an image, a document, a video or audio. Leave it out, or call a model that takes it.`,
    { param: path },
  );

const described = (value: unknown) => `a part of type ${JSON.stringify(isObject(value) ? value.type : value)}`;

export class PartWriter {
  readonly #writing: Writing;
  readonly #documents = new DocumentNames();

  constructor(writing: Writing) {
    this.#writing = writing;
  }

  /** Blank texts are left out: Converse refuses them. */
  content(content: string | readonly Part[], path: string): Block[] {
    if (isString(content)) return content.trim() === '' ? [] : [{ text: content }];
    return content.flatMap((part, index) => this.#withMark(part, this.#write(part, `${path}.content[${index}]`)));
  }

  /** Text and content to be guarded: the system prompt has no other. */
  system(content: string | readonly Part[], path: string): Block[] {
    const blocks = this.content(content, path);
    const other = blocks.find((block) => !('text' in block || 'guardContent' in block || 'cachePoint' in block));
    if (other !== undefined) throw refused(path, `${Object.keys(other)[0]} in a system prompt`);
    return blocks;
  }

  /** What a tool gave; cache marks inside it have no place here. */
  result(content: string | readonly Part[], path: string): Block[] {
    return this.content(content, path).filter((block) => !('cachePoint' in block));
  }

  #withMark(part: Part, block: Block | undefined): Block[] {
    if (block === undefined) return [];
    const point = 'cacheControl' in part ? cachePoint(part.cacheControl, this.#writing) : undefined;
    return point === undefined ? [block] : [block, point];
  }

  #write(part: Part, path: string): Block | undefined {
    switch (part.type) {
      case 'text':
        return part.text.trim() === '' ? undefined : { text: part.text };
      case 'image':
        return imageBlock(part, path);
      case 'file':
        return fileBlock(part, path, this.#documents);
      case 'audio':
        return audioBlock(part, path);
      case 'other':
        return writeOther(part.origin, part.value, path);
    }
  }
}

function writeOther(origin: string, value: unknown, path: string): Block {
  if (!isObject(value)) throw refused(path, 'a value without a type');
  if (origin === converseDialect) return value;
  const { type, text } = value;
  if (type === 'video_url') return videoBlock(value, path);
  if (type === 'guarded_text' && isString(text)) return { guardContent: { text: { text } } };
  if (type === 'refusal' && isString(value.refusal)) return { text: value.refusal };
  if (type === 'search_result') return searchResult(value, path);
  throw refused(path, described(value));
}

/** A search result in Anthropic's shape, which differs only in what it calls a text. */
function searchResult({ source, title, content, citations }: JsonObject, path: string): Block {
  const texts = isArray(content)
    ? content.flatMap((entry) => (isObject(entry) && isString(entry.text) ? [{ text: entry.text }] : []))
    : [];
  if (!isString(source) || !isString(title) || texts.length === 0)
    throw refused(path, 'a search result without source, title or text');
  return { searchResult: { source, title, content: texts, ...(isObject(citations) && { citations }) } };
}
