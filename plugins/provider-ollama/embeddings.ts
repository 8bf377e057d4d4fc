/** Embeddings of texts. https://docs.ollama.com/api/embed */
import type { Deployment, EmbeddingsCodec } from '@rutter/plugin-sdk';
import {
  defined,
  isArray,
  isFilled,
  isNumber,
  malformed,
  replyObject,
  takenFields,
  textInputs,
} from '@rutter/plugin-sdk/codecs';
import { innerFailure } from './failure.ts';

const limits = { vendor: 'Ollama', lacks: [], ignores: ['user'] };

export const ollamaEmbeddings = (path: (deployment: Deployment) => string): EmbeddingsCodec => ({
  request({ deployment, input, dimensions, user, extra }) {
    const { taken, drops } = takenFields({ ...extra, ...defined({ dimensions, user }) }, limits, deployment);
    const body = { ...taken, model: deployment.model, input: textInputs(input, 'Ollama') };
    return { path: path(deployment), body, ...(drops.dropped.length > 0 && { dropped: drops.dropped }) };
  },
  reply(body: unknown) {
    const found = replyObject(body, 'a JSON object with embeddings');
    const { embeddings, model, prompt_eval_count: tokens, error } = found;
    if (error !== undefined && error !== null) throw innerFailure(found);
    const isVector = (vector: unknown): vector is number[] => isArray(vector) && vector.every(isNumber);
    if (!isArray(embeddings) || !embeddings.every(isVector))
      throw malformed(JSON.stringify(found), 'a JSON object with embeddings of numbers');
    return defined({
      vectors: embeddings,
      model: isFilled(model) ? model : undefined,
      usage: isNumber(tokens) ? { input: Math.max(0, tokens), output: 0 } : undefined,
    });
  },
});
