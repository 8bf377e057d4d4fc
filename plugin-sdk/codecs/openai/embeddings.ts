/** Embeddings to and from the neutral form; vectors as numbers or as base64 of little-endian floats. */
import type { EmbeddingsReply, EmbeddingsRequest } from '../../contract/chat.ts';
import { RutterError } from '../../contract/errors.ts';
import type { Deployment } from '../../contract/request.ts';
import type { EmbeddingsCodec, Fields, PassInput, RelayContext, WriteContext } from '../../contract/wire.ts';
import { takenFields, type VendorLimits } from '../drops.ts';
import { malformed, replyObject } from '../failures.ts';
import {
  defined,
  Fieldset,
  filled,
  isArray,
  isFilled,
  isNumber,
  isObject,
  isString,
  type JsonObject,
} from '../values.ts';
import type { OpenAiCodecOptions } from './codec.ts';
import { gatewayFields } from './controls.ts';
import { innerFailure } from './failure.ts';
import { embeddingsDialect } from './names.ts';
import { OpenAiRelay } from './relay.ts';
import { readUsage, writeUsage } from './usage.ts';

/** The inputs one by one: a text, or an array of tokens. */
export function inputsOf(input: unknown): (string | number[])[] {
  if (isString(input)) return [input];
  if (!isArray(input)) return [];
  return input.every(isNumber) ? [input] : (input as (string | number[])[]);
}

/** The inputs of a vendor that embeds texts alone. */
export function textInputs(input: unknown, vendor: string): string[] {
  const found = inputsOf(input);
  if (found.every(isString)) return found;
  throw new RutterError(
    'ERR_REQUEST_UNSUPPORTED_PARAMETER',
    `input: found tokens, expected texts; ${vendor} embeds no tokens.`,
    {
      param: 'input',
    },
  );
}

export function readEmbeddings(fields: Fields): EmbeddingsRequest {
  const set = new Fieldset(fields);
  for (const name of gatewayFields) delete set.rest[name];
  const { input } = set.rest;
  delete set.rest.input;
  // How the client wants its numbers is for the reply to it, not for the vendor.
  delete set.rest.encoding_format;
  const named = defined({
    model: set.take('model', isString) ?? '',
    input: inputsOf(input),
    dimensions: set.take('dimensions', isNumber),
    user: set.take('user', isString),
  });
  return { ...named, extra: set.rest };
}

export function writeEmbeddings(reply: EmbeddingsReply, { model, fields }: WriteContext): JsonObject {
  const isBase64 = fields.encoding_format === 'base64';
  return {
    object: 'list',
    ...reply.envelope,
    data: reply.vectors.map((vector, index) => ({
      object: 'embedding',
      index,
      embedding: isBase64 ? toBase64(vector) : isArray(vector) ? vector : Array.from(vector),
    })),
    model,
    usage: embeddingsUsage(reply),
  };
}

function embeddingsUsage({ usage }: EmbeddingsReply): JsonObject {
  const { prompt_tokens: tokens } = writeUsage(usage ?? { input: 0, output: 0 });
  return { prompt_tokens: tokens, total_tokens: tokens };
}

function toBase64(vector: Float32Array | readonly number[]): string {
  const bytes = new DataView(new ArrayBuffer(vector.length * 4));
  vector.forEach((value, index) => {
    bytes.setFloat32(index * 4, value, true);
  });
  return Buffer.from(bytes.buffer).toString('base64');
}

function fromBase64(text: string): Float32Array {
  const bytes = Buffer.from(text, 'base64');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Float32Array.from({ length: Math.floor(bytes.length / 4) }, (_, index) => view.getFloat32(index * 4, true));
}

function readVector(entry: JsonObject): Float32Array | number[] {
  const { embedding } = entry;
  if (isString(embedding)) return fromBase64(embedding);
  if (isArray(embedding) && embedding.every(isNumber)) return embedding;
  throw malformed(JSON.stringify(entry), 'an embedding of numbers or base64');
}

function readEmbeddingsReply(body: unknown): EmbeddingsReply {
  const found = replyObject(body, 'a JSON object with data');
  const { object: _, data, model, usage, error, ...envelope } = found;
  if (error !== undefined && error !== null) throw innerFailure(found);
  if (!isArray(data) || !data.every(isObject)) throw malformed(JSON.stringify(found), 'a JSON object with data');
  const ordered = [...data].sort((a, b) => Number(a.index ?? 0) - Number(b.index ?? 0));
  return defined({
    vectors: ordered.map(readVector),
    model: isFilled(model) ? model : undefined,
    usage: readUsage(usage),
    envelope: filled(envelope),
  });
}

/** Of a vendor that takes whatever OpenAI does. */
const everything: VendorLimits = { vendor: 'OpenAI', lacks: [] };

type EmbeddingsOptions = Pick<
  OpenAiCodecOptions,
  'path' | 'query' | 'headers' | 'model' | 'limits' | 'change' | 'relays'
>;

/** Embeddings with OpenAI or a server compatible with it. */
export function openAiEmbeddingsCodec(options: EmbeddingsOptions = {}): EmbeddingsCodec {
  const { path = '/embeddings', query, headers, limits = everything, change, relays } = options;
  const { model: modelOf = ({ model }) => model } = options;
  const around = (deployment: Deployment) => ({
    path: typeof path === 'string' ? path : path(deployment),
    ...defined({ query: query?.(deployment), headers: headers?.(deployment) }),
  });
  const adapted = (fields: Fields, deployment: Deployment) => {
    const { taken, drops } = takenFields(fields, limits, deployment);
    const set: JsonObject = { model: modelOf(deployment) };
    for (const name in fields) if (taken[name] === undefined) set[name] = undefined;
    const changed: JsonObject = { ...set, ...change?.({ ...fields, ...set }, deployment, drops) };
    return { set: changed, ...(drops.dropped.length > 0 && { dropped: drops.dropped }) };
  };
  return {
    dialect: embeddingsDialect,
    request({ deployment, input, dimensions, user, extra }) {
      const fields: JsonObject = { ...extra, ...defined({ input, dimensions, user }), encoding_format: 'float' };
      const { set, ...dropped } = adapted(fields, deployment);
      return { ...around(deployment), body: defined({ ...fields, ...set }), ...dropped };
    },
    reply: (body) => readEmbeddingsReply(body),
    ...(relays !== false && {
      pass({ deployment, fields }: PassInput) {
        const { set, ...dropped } = adapted(fields, deployment);
        const remove = Object.keys(set).filter((name) => set[name] === undefined);
        return { ...around(deployment), set: defined(set), ...(remove.length > 0 && { remove }), ...dropped };
      },
      relay: (context: RelayContext) => new OpenAiRelay(context, 'data'),
    }),
  };
}
