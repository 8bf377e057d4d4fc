/**
 * Text vectors from a BERT-like sentence model in the ONNX format, run beside
 * the main thread.
 *
 * Each text is run alone: in a batch the numbers of a quantised network would
 * depend on who else is in it.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { definePlugin, location, RutterError, z } from '@rutter/plugin-sdk';
import { rememberVectors, type WordPiece } from '@rutter/plugin-sdk/embedding';
import { findModel } from './files.ts';
import { NetworkThread } from './thread.ts';

const config = z.strictObject({
  path: location().describe(
    'The network, such as model.onnx, or the folder that holds it; floats or int8. tokenizer.json or vocab.txt lies beside it.',
  ),
  tokenizer: location().optional().describe('tokenizer.json or vocab.txt (WordPiece) where it lies elsewhere.'),
  uncased: z
    .boolean()
    .optional()
    .describe('Whether texts are lower-cased and freed of accents; as tokenizer.json says, else true.'),
  pooling: z.enum(['mean', 'cls']).default('mean').describe('The mean of all tokens, or the first token.'),
  output: z
    .string()
    .optional()
    .describe('Output of the network to read; sentence_embedding, last_hidden_state or token_embeddings when absent.'),
  max_tokens: z
    .int()
    .min(8)
    .max(8192)
    .default(256)
    .describe('Most pieces of a text that are read, [CLS] and [SEP] among them.'),
  threads: z.int().min(1).max(64).default(1).describe('Cores one text may use.'),
  max_waiting: z.int().min(1).max(100_000).default(256).describe('Most texts that may wait; further ones are refused.'),
  timeout_ms: z.int().min(10).max(600_000).default(5_000).describe('Longest time of one text, waiting included.'),
  cache_entries: z
    .int()
    .min(0)
    .max(1_000_000)
    .default(4_096)
    .describe('Vectors that are remembered, by the hash of their text.'),
});

function special(words: WordPiece, piece: string): number {
  const id = words.idOf(piece);
  if (id !== undefined) return id;
  throw new RutterError('ERR_CONFIG_INVALID', `The vocabulary has no ${piece}; expected that of a BERT-like model.`);
}

export default definePlugin({
  kind: 'embedder',
  config,
  async setup({ clock }, options) {
    const { model, words, vocabulary } = await findModel(options.path, options);
    const [first, last] = [special(words, '[CLS]'), special(words, '[SEP]')];
    const idsOf = (text: string) => Int32Array.of(first, ...words.ids(text, 0, options.max_tokens - 2), last);
    const thread = new NetworkThread({
      network: {
        ...{ from: join(import.meta.dirname, 'package.json'), model, probe: [...idsOf('a probe')] },
        ...{ threads: options.threads, pooling: options.pooling, output: options.output },
      },
      ...{ mostWaiting: options.max_waiting, timeoutMs: options.timeout_ms, clock },
    });
    const { dimensions, sha256 } = await thread.open();
    const { pooling, output, max_tokens, uncased } = options;
    const version = createHash('sha256')
      .update(JSON.stringify([sha256, vocabulary, pooling, output, max_tokens, uncased]))
      .digest('hex');
    return {
      dimensions,
      version: `onnx-${version.slice(0, 16)}`,
      embed: rememberVectors(async (texts) => {
        const vectors: Float32Array[] = [];
        // One after the other: many texts of one caller do not take the whole queue.
        for (const text of texts) vectors.push(await thread.vector(idsOf(text)));
        return vectors;
      }, options.cache_entries),
      dispose: () => thread.close(),
    };
  },
});
