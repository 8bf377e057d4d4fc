/** Reads what cuts texts into pieces for a BERT-like model: `vocab.txt`, or `tokenizer.json` of Hugging Face's tokenizers. */
import { z } from 'zod';
import { RutterError } from '../contract/errors.ts';
import { WordPiece } from './word-piece.ts';

/** The parts of `tokenizer.json` that decide how a text is cut (https://huggingface.co/docs/tokenizers). */
const tokenizerFile = z.object({
  model: z.object({
    type: z.string().optional(),
    vocab: z.record(z.string(), z.int().min(0)),
    unk_token: z.string().optional(),
    continuing_subword_prefix: z.string().optional(),
  }),
  normalizer: z.object({ type: z.string(), lowercase: z.boolean().optional() }).nullish(),
});

const refuse = (name: string, found: string, expected: string) =>
  new RutterError('ERR_CONFIG_INVALID', `${name} cannot cut texts into pieces: found ${found}, expected ${expected}.`);

/** One piece a line; ids are line numbers from 0. `uncased` unless told otherwise. */
export function readVocabulary(text: string, name: string, uncased = true): WordPiece {
  const lines = text.split('\n').map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line));
  if (lines.at(-1) === '') lines.pop();
  if (!lines.includes('[UNK]')) throw refuse(name, `${lines.length} lines without [UNK]`, 'one WordPiece piece a line');
  return new WordPiece(lines, { uncased });
}

/** Throws ERR_CONFIG_INVALID for other kinds of tokeniser than WordPiece. */
export function readTokenizer(text: string, name: string, uncased?: boolean): WordPiece {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw refuse(name, 'what is not JSON', 'a tokenizer.json');
  }
  const kind = (parsed as { model?: { type?: unknown } } | null)?.model?.type;
  if (kind !== undefined && kind !== 'WordPiece')
    throw refuse(name, `a tokeniser of type ${JSON.stringify(kind)}`, 'WordPiece, as BERT-like models have it');
  const read = tokenizerFile.safeParse(parsed);
  if (!read.success) throw refuse(name, z.prettifyError(read.error).replaceAll('\n', ' '), 'model.vocab with ids');
  const { model, normalizer } = read.data;
  if ((model.unk_token ?? '[UNK]') !== '[UNK]') throw refuse(name, `unk_token ${model.unk_token}`, '[UNK]');
  if ((model.continuing_subword_prefix ?? '##') !== '##')
    throw refuse(name, `continuing_subword_prefix ${model.continuing_subword_prefix}`, '##');
  if (normalizer && normalizer.type !== 'BertNormalizer')
    throw refuse(name, `a normalizer of type ${normalizer.type}`, 'BertNormalizer');
  const isUncased = uncased ?? normalizer?.lowercase ?? true;
  return new WordPiece(new Map(Object.entries(model.vocab)), { uncased: isUncased });
}
