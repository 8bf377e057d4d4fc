/**
 * One candidate of a reply, whole or a piece of a stream: its parts sorted
 * into text, reasoning, calls and what the neutral model has no name for.
 */
import {
  defined,
  filled,
  isArray,
  isFilled,
  isNumber,
  isObject,
  isString,
  type JsonObject,
  writeDataUri,
} from '../values.ts';
import { readGrounding } from './grounding.ts';

export interface FoundCall {
  readonly name: string;
  readonly arguments: string;
  /** Id that the vendor gave; it gives none in most replies. */
  readonly id: string | undefined;
  readonly signature: string | undefined;
}

export type FoundPart =
  | { readonly type: 'text'; readonly text: string; readonly signature: string | undefined }
  | { readonly type: 'thought'; readonly text: string; readonly signature: string | undefined }
  | { readonly type: 'call'; readonly call: FoundCall }
  | { readonly type: 'image'; readonly image: JsonObject }
  | { readonly type: 'audio'; readonly data: string; readonly mediaType: string }
  | { readonly type: 'other'; readonly value: JsonObject };

export interface Candidate {
  readonly index: number;
  readonly parts: readonly FoundPart[];
  /** Undefined while a stream goes on. */
  readonly finish: string | undefined;
  readonly logprobs: JsonObject | undefined;
  /** Members that have no place of their own, by Google's names. */
  readonly rest: JsonObject;
}

export function readCandidate(found: JsonObject, position: number): Candidate {
  const { index, content, finishReason, logprobsResult, ...rest } = found;
  const parts = isObject(content) && isArray(content.parts) ? content.parts.filter(isObject) : [];
  for (const name in rest) if (rest[name] === null) delete rest[name];
  return {
    index: isNumber(index) && Number.isInteger(index) && index >= 0 ? index : position,
    parts: parts.flatMap(readPart),
    finish: isFilled(finishReason) ? finishReason : undefined,
    logprobs: readLogprobs(logprobsResult),
    rest,
  };
}

function readPart(part: JsonObject): FoundPart[] {
  const { text, functionCall: call, inlineData: data, thought, thoughtSignature, ...others } = part;
  const signature = isFilled(thoughtSignature) ? thoughtSignature : undefined;
  if (isObject(call)) return [{ type: 'call', call: readCall(call, signature) }];
  if (isObject(data) && isString(data.data)) {
    // Pictures drawn while thinking are drafts of what follows.
    return thought === true ? [] : [readInline(data.data, data.mimeType, signature)];
  }
  if (isString(text)) return [{ type: thought === true ? 'thought' : 'text', text, signature }];
  if (signature !== undefined) return [{ type: 'text', text: '', signature }];
  return filled(others) === undefined ? [] : [{ type: 'other', value: others }];
}

function readCall({ name, args, id }: JsonObject, signature: string | undefined): FoundCall {
  return {
    name: isString(name) ? name : '',
    arguments: JSON.stringify(isObject(args) ? args : {}),
    id: isFilled(id) ? id : undefined,
    signature,
  };
}

function readInline(data: string, type: unknown, signature: string | undefined): FoundPart {
  const mediaType = isFilled(type) ? type : 'application/octet-stream';
  if (mediaType.startsWith('audio/')) return { type: 'audio', data, mediaType };
  const image = { type: 'image_url', image_url: { url: writeDataUri(mediaType, data) } };
  return { type: 'image', image: defined({ ...image, thought_signature: signature }) };
}

/** In the OpenAI shape. Google tells no bytes, so that they are those of the token's text. */
function readLogprobs(found: unknown): JsonObject | undefined {
  if (!isObject(found) || !isArray(found.chosenCandidates)) return undefined;
  const tops = isArray(found.topCandidates) ? found.topCandidates : [];
  const content = found.chosenCandidates.filter(isObject).map((chosen, at) => {
    const top = tops[at];
    const others = isObject(top) && isArray(top.candidates) ? top.candidates.filter(isObject) : [];
    return { ...logprob(chosen), top_logprobs: others.map(logprob) };
  });
  return { content };
}

const logprob = ({ token, logProbability }: JsonObject): JsonObject => {
  const text = isString(token) ? token : '';
  return { token: text, logprob: isNumber(logProbability) ? logProbability : 0, bytes: [...Buffer.from(text, 'utf8')] };
};

/** What a message shows of a candidate beside text and calls. */
export interface Shown {
  readonly images: readonly JsonObject[];
  readonly audio: { readonly data: string; readonly mediaType: string } | undefined;
  readonly others: readonly JsonObject[];
  readonly rest: JsonObject;
  /** Google's reason where it is more than ours. */
  readonly finish: string | undefined;
  readonly text: string;
}

/** Fields of an assistant message for clients of OpenAI's dialect; undefined for none. */
export function messageFields(
  { images, audio, others, rest, finish, text }: Shown,
  id: string | undefined,
): JsonObject | undefined {
  const specific = defined({
    ...rest,
    parts: others.length > 0 ? others : undefined,
    native_finish_reason: finish === undefined || finish === 'STOP' || finish === 'MAX_TOKENS' ? undefined : finish,
  });
  const annotations = readGrounding(rest.groundingMetadata, text);
  return filled(
    defined({
      images: images.length > 0 ? images.map((image, index) => ({ index, ...image })) : undefined,
      audio: audio && { id: `audio_${id ?? '0'}`, data: audio.data, mime_type: audio.mediaType, transcript: text },
      annotations: annotations.length > 0 ? annotations : undefined,
      provider_specific_fields: filled(specific),
    }),
  );
}
