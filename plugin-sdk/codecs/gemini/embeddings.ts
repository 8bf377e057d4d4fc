/**
 * Embeddings of the Gemini API and of Vertex AI.
 * https://ai.google.dev/api/embeddings,
 * https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api
 */
import type { EmbeddingsReply, EmbeddingsRequest } from '../../contract/chat.ts';
import type { Deployment } from '../../contract/request.ts';
import type { EmbeddingsCodec, UpstreamRequest } from '../../contract/wire.ts';
import { type Drops, dropsFor } from '../drops.ts';
import { malformed, replyObject, unsupported } from '../failures.ts';
import { defined, isArray, isFilled, isNumber, isObject, isString, type JsonObject } from '../values.ts';
import { innerFailure } from './failure.ts';

type Input = EmbeddingsRequest & { readonly deployment: Deployment };

export interface GeminiEmbeddingsOptions {
  /** Appended to the base address. */
  readonly path: (deployment: Deployment, method: 'batchEmbedContents' | 'embedContent' | 'predict') => string;
  /** `models/NAME` of every request in a batch. */
  readonly model?: (deployment: Deployment) => string;
  /** The method of a deployment's model. */
  readonly method: (deployment: Deployment) => 'batchEmbedContents' | 'embedContent' | 'predict';
}

/** What a caller says beyond OpenAI's fields. */
interface Asked {
  readonly texts: readonly string[];
  readonly taskType: string | undefined;
  readonly title: string | undefined;
  readonly dimensions: number | undefined;
  readonly rest: JsonObject;
  readonly drops: Drops;
}

function readAsked({ input, dimensions, user, extra, deployment }: Input): Asked {
  const drops = dropsFor(deployment);
  const { task_type, taskType, title, ...rest } = extra;
  const task = task_type ?? taskType;
  const texts = input.map((text) => {
    if (isString(text)) return text;
    throw unsupported('input', 'Google embeds texts; tokens were found.');
  });
  if (user !== undefined) drops.dropped.push('user');
  return {
    texts,
    taskType: isFilled(task) ? task : undefined,
    title: isFilled(title) ? title : undefined,
    dimensions,
    rest,
    drops,
  };
}

export function geminiEmbeddingsCodec({ path, model, method }: GeminiEmbeddingsOptions): EmbeddingsCodec {
  return {
    request(input) {
      const { deployment } = input;
      const asked = readAsked(input);
      const chosen = method(deployment);
      const writers = {
        batchEmbedContents: () => writeBatch(asked, model?.(deployment) ?? `models/${deployment.model}`),
        embedContent: () => writeSingle(asked, deployment),
        predict: () => writePredict(asked),
      };
      const written: UpstreamRequest = { path: path(deployment, chosen), body: writers[chosen]() };
      return asked.drops.dropped.length > 0 ? { ...written, dropped: asked.drops.dropped } : written;
    },
    reply: (body) => readEmbeddings(body),
  };
}

const contentOf = (text: string): JsonObject => ({ parts: [{ text }] });

const settings = ({ taskType, title, dimensions, rest }: Asked): JsonObject =>
  defined({ ...rest, taskType, title, outputDimensionality: dimensions });

const writeBatch = (asked: Asked, model: string): JsonObject => ({
  requests: asked.texts.map((text) => ({ model, content: contentOf(text), ...settings(asked) })),
});

function writeSingle(asked: Asked, { model }: Deployment): JsonObject {
  const [text = '', ...others] = asked.texts;
  if (others.length > 0)
    throw unsupported('input', `${model} embeds one text a request; ${asked.texts.length} were found.`);
  return { content: contentOf(text), ...settings(asked) };
}

function writePredict({ texts, taskType, title, dimensions, rest }: Asked): JsonObject {
  const parameters = defined({ ...rest, outputDimensionality: dimensions });
  return {
    instances: texts.map((content) => defined({ content, task_type: taskType, title })),
    ...(Object.keys(parameters).length > 0 && { parameters }),
  };
}

function readEmbeddings(body: unknown): EmbeddingsReply {
  const found = replyObject(body, 'a JSON object with embeddings');
  if (isObject(found.error)) throw innerFailure(found);
  const { embeddings, embedding, predictions, usageMetadata } = found;
  if (isArray(predictions)) return readPredictions(predictions, found);
  const entries = isArray(embeddings) ? embeddings : embedding === undefined ? undefined : [embedding];
  if (entries === undefined) throw malformed(JSON.stringify(found), 'a JSON object with embeddings');
  const tokens = isObject(usageMetadata)
    ? (usageMetadata.promptTokenCount ?? usageMetadata.totalTokenCount)
    : undefined;
  return defined({
    vectors: entries.map(readVector),
    usage: isNumber(tokens) ? { input: tokens, output: 0 } : undefined,
  });
}

function readPredictions(predictions: readonly unknown[], found: JsonObject): EmbeddingsReply {
  const entries = predictions.map((prediction) => {
    if (isObject(prediction) && isObject(prediction.embeddings)) return prediction.embeddings;
    throw malformed(JSON.stringify(found), 'predictions with embeddings');
  });
  const counts = entries.map(({ statistics }) => (isObject(statistics) ? statistics.token_count : undefined));
  const usage = counts.every(isNumber) ? { input: counts.reduce((sum, each) => sum + each, 0), output: 0 } : undefined;
  return defined({ vectors: entries.map(readVector), usage });
}

function readVector(entry: unknown): number[] {
  if (isObject(entry) && isArray(entry.values) && entry.values.every(isNumber)) return entry.values;
  throw malformed(JSON.stringify(entry) ?? '', 'an embedding of numbers');
}
