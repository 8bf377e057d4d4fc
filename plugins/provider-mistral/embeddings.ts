/** Embeddings of texts. https://docs.mistral.ai/api/endpoint/embeddings */
import { openAiEmbeddingsCodec, textInputs } from '@rutter/plugin-sdk/codecs';

export const mistralEmbeddings = openAiEmbeddingsCodec({
  limits: { vendor: 'Mistral', lacks: [], ignores: ['user'] },
  change({ input, dimensions }) {
    textInputs(input, 'Mistral');
    return dimensions === undefined ? {} : { dimensions: undefined, output_dimension: dimensions };
  },
});
