/** Embeddings of texts, or of images as data URIs. https://docs.cohere.com/reference/embed */
import type { Deployment, EmbeddingsCodec, EmbeddingsReply } from '@rutter/plugin-sdk';
import {
  defined,
  filled,
  isArray,
  isFilled,
  isNumber,
  isObject,
  malformed,
  replyObject,
  takenFields,
  textInputs,
} from '@rutter/plugin-sdk/codecs';

const isImage = (text: string) => text.startsWith('data:image/');
const limits = { vendor: 'Cohere', lacks: [], ignores: ['user'] };

export const cohereEmbeddings = (path: (deployment: Deployment) => string): EmbeddingsCodec => ({
  request({ deployment, input, dimensions, user, extra }) {
    const { taken, drops } = takenFields({ ...extra, ...defined({ dimensions, user }) }, limits, deployment);
    const { input_type: type, embedding_types: types, dimensions: wanted, ...rest } = taken;
    const inputs = textInputs(input, 'Cohere');
    const ofImages = inputs.length > 0 && inputs.every(isImage);
    const body = defined({
      ...rest,
      model: deployment.model,
      ...(ofImages ? { images: inputs } : { texts: inputs }),
      // What is embedded is far more often kept than asked with; who asks says so.
      input_type: type ?? (ofImages ? 'image' : 'search_document'),
      embedding_types: types ?? ['float'],
      output_dimension: wanted,
    });
    return { path: path(deployment), body, ...(drops.dropped.length > 0 && { dropped: drops.dropped }) };
  },
  reply: (body) => readEmbeddings(body),
});

function readEmbeddings(body: unknown): EmbeddingsReply {
  const found = replyObject(body, 'a JSON object with embeddings');
  const { embeddings, meta, id } = found;
  const vectors = vectorsOf(embeddings);
  if (vectors === undefined) throw malformed(JSON.stringify(found), 'a JSON object with embeddings of numbers');
  const billed = isObject(meta) && isObject(meta.billed_units) ? meta.billed_units : {};
  const tokens = [billed.input_tokens, billed.image_tokens].filter(isNumber);
  return defined({
    vectors,
    usage:
      tokens.length > 0
        ? {
            input: Math.max(
              0,
              tokens.reduce((sum, one) => sum + one, 0),
            ),
            output: 0,
          }
        : undefined,
    envelope: filled(defined({ id: isFilled(id) ? id : undefined, meta: isObject(meta) ? meta : undefined })),
  });
}

/** The first type that has numbers: by `float`, or as the caller asked. A bare list is of version 1. */
function vectorsOf(found: unknown): number[][] | undefined {
  const lists = isObject(found) ? [found.float, ...Object.values(found)] : [found];
  return lists.find(
    (list): list is number[][] =>
      isArray(list) && list.length > 0 && list.every((vector) => isArray(vector) && vector.every(isNumber)),
  );
}
