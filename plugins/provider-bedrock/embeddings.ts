/** Embeddings of Titan and Cohere by InvokeModel, each maker with a body of its own. */
import {
  type Deployment,
  type EmbeddingsCodec,
  type EmbeddingsReply,
  type EmbeddingsRequest,
  RutterError,
} from '@rutter/plugin-sdk';
import {
  defined,
  dropsFor,
  estimateTokens,
  isArray,
  isNumber,
  isObject,
  isString,
  type JsonObject,
  malformed,
  replyObject,
  textInputs,
} from '@rutter/plugin-sdk/codecs';
import { unknownOperation } from './failure.ts';
import { type Model, modelOf, pathOf } from './model.ts';

/** Titan reads one text a call. */
const isTitan = ({ name }: Model) => name.startsWith('amazon.titan-embed');
const isTitanV1 = ({ name }: Model) => /titan-embed-(?:g1-)?text-(?:v1|02)/.test(name);

export const embeddingsCodec: EmbeddingsCodec = {
  request(input) {
    const model = modelOf(input.deployment);
    const texts = textInputs(input.input, 'Bedrock');
    const { dropped, body } = isTitan(model) ? titan(input, model, texts) : cohere(input, texts);
    return { path: pathOf(model, 'invoke'), body, ...(dropped.length > 0 && { dropped }) };
  },
  reply(body, deployment) {
    return isTitan(modelOf(deployment)) ? readTitan(body) : readCohere(body);
  },
};

type Input = EmbeddingsRequest & { readonly deployment: Deployment };
interface Written {
  readonly body: JsonObject;
  readonly dropped: readonly string[];
}

const refused = (param: string, found: string, expected: string) =>
  new RutterError('ERR_REQUEST_UNSUPPORTED_PARAMETER', `${param}: found ${found}, expected ${expected}.`, { param });

/** Fields for the model itself, without those that only OpenAI knows. */
function fieldsOf({ extra, user }: Input): { readonly fields: JsonObject; readonly dropped: string[] } {
  const { model_id: _, encoding_format: __, ...fields } = extra as JsonObject;
  const dropped = user === undefined ? [] : ['user'];
  for (const name of Object.keys(fields)) {
    if (fields[name] === null) delete fields[name];
    else if (name.startsWith('aws_')) {
      delete fields[name];
      dropped.push(name);
    }
  }
  return { fields, dropped };
}

function titan(input: Input, model: Model, texts: readonly string[]): Written {
  const [inputText, ...more] = texts;
  if (inputText === undefined || more.length > 0)
    throw refused('input', `${texts.length} texts`, `one: ${model.id} embeds one text a call`);
  const drops = dropsFor(input.deployment);
  const { fields, dropped } = fieldsOf(input);
  let { dimensions } = input;
  if (dimensions !== undefined && isTitanV1(model)) {
    drops.drop('dimensions', `${model.id} has vectors of one length.`);
    dimensions = undefined;
  }
  const { input_type: kind, ...rest } = fields;
  if (kind !== undefined) dropped.push('input_type');
  return { body: defined({ ...rest, inputText, dimensions }), dropped: [...dropped, ...drops.dropped] };
}

const mostTexts = 96;

function cohere(input: Input, texts: readonly string[]): Written {
  if (texts.length === 0 || texts.length > mostTexts)
    throw refused('input', `${texts.length} texts`, `1 to ${mostTexts}`);
  const { fields, dropped } = fieldsOf(input);
  const body = { input_type: 'search_document', ...fields, texts, output_dimension: input.dimensions };
  return { body: defined(body), dropped };
}

const isVector = (value: unknown): value is number[] => isArray(value) && value.length > 0 && value.every(isNumber);

function readTitan(body: unknown): EmbeddingsReply {
  const found = replyObject(body, 'an embedding of Titan');
  const byType = isObject(found.embeddingsByType) ? found.embeddingsByType : {};
  const vector = [found.embedding, byType.float, byType.binary].find(isVector);
  if (vector === undefined) throw unknownOperation(found) ?? malformed(JSON.stringify(found), 'an embedding of Titan');
  const { inputTextTokenCount: count } = found;
  return { vectors: [vector], ...(isNumber(count) && { usage: { input: count, output: 0 } }) };
}

function readCohere(body: unknown): EmbeddingsReply {
  const found = replyObject(body, 'embeddings of Cohere');
  const { embeddings, texts } = found;
  const vectors = isObject(embeddings) ? (embeddings.float ?? Object.values(embeddings)[0]) : embeddings;
  if (!isArray(vectors) || vectors.length === 0 || !vectors.every(isVector))
    throw unknownOperation(found) ?? malformed(JSON.stringify(found), 'embeddings of Cohere');
  // The count stands in a header alone; the texts come back in the reply.
  const told = isArray(texts) && texts.every(isString) ? texts : undefined;
  const input = told?.reduce((sum, text) => sum + estimateTokens(text), 0);
  return { vectors, ...(input !== undefined && { usage: { input, output: 0, estimated: true } }) };
}
