/** Finds what a sentence model consists of: the network and what cuts texts into pieces. */
import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { RutterError } from '@rutter/plugin-sdk';
import { readTokenizer, readVocabulary, type WordPiece } from '@rutter/plugin-sdk/embedding';

export interface ModelFiles {
  readonly model: string;
  readonly words: WordPiece;
  /** The text that says how texts are cut: part of what the vectors depend on. */
  readonly vocabulary: string;
}

const isFile = async (path: string) => (await stat(path).catch(() => undefined))?.isFile() === true;

async function firstOf(folder: string, names: readonly string[]): Promise<string> {
  for (const name of names) if (await isFile(join(folder, name))) return join(folder, name);
  throw new RutterError(
    'ERR_CONFIG_INVALID',
    `${folder} holds no ${names.join(' and no ')}; expected one of them beside each other.`,
  );
}

/** `path` is the network, or the folder it lies in as model.onnx (or onnx/model.onnx, as on Hugging Face). */
export async function findModel(
  path: string,
  options: { readonly tokenizer?: string | undefined; readonly uncased?: boolean | undefined },
): Promise<ModelFiles> {
  const found = await stat(path).catch(() => undefined);
  if (!found)
    throw new RutterError(
      'ERR_CONFIG_INVALID',
      `${path} is not there; expected an ONNX network, or a folder with one.`,
    );
  const model = found.isDirectory()
    ? await firstOf(path, ['model.onnx', 'model_quantized.onnx', join('onnx', 'model.onnx')])
    : path;
  const beside = found.isDirectory() ? path : dirname(path);
  const tokenizer = options.tokenizer ?? (await firstOf(beside, ['tokenizer.json', 'vocab.txt']));
  const vocabulary = await readFile(tokenizer, 'utf8').catch((error: Error) => {
    throw new RutterError('ERR_CONFIG_INVALID', `${tokenizer} cannot be read: ${error.message}.`);
  });
  const read = basename(tokenizer).endsWith('.json') ? readTokenizer : readVocabulary;
  return { model, words: read(vocabulary, tokenizer, options.uncased), vocabulary };
}
