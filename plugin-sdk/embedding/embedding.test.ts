import { describe, expect, it } from 'vitest';
import { readTokenizer, readVocabulary, rememberVectors, WordPiece } from './index.ts';

describe('remembered vectors', () => {
  const counting = () => {
    const asked: string[][] = [];
    const embed = async (texts: readonly string[]) => {
      asked.push([...texts]);
      return texts.map((text) => Float32Array.of(text.length));
    };
    return { asked, embed };
  };

  it('are made once a text, in one call with all that are missing', async () => {
    const { asked, embed } = counting();
    const remembered = rememberVectors(embed, 10);
    expect(await remembered(['a', 'bb', 'a'])).toEqual([Float32Array.of(1), Float32Array.of(2), Float32Array.of(1)]);
    await remembered(['bb', 'ccc']);
    expect(asked).toEqual([['a', 'bb'], ['ccc']]);
  });

  it('are made once for callers that come together', async () => {
    const { asked, embed } = counting();
    const remembered = rememberVectors(embed, 10);
    await Promise.all([remembered(['a']), remembered(['b', 'a'])]);
    expect(asked).toEqual([['a'], ['b']]);
  });

  it('are as many as they may be, those asked for last', async () => {
    const { asked, embed } = counting();
    const remembered = rememberVectors(embed, 2);
    for (const text of ['a', 'b', 'a', 'c', 'a', 'b']) await remembered([text]);
    expect(asked.flat()).toEqual(['a', 'b', 'c', 'b']);
  });

  it('are not kept where none may be', async () => {
    const { asked, embed } = counting();
    const remembered = rememberVectors(embed, 0);
    await remembered(['a']);
    await remembered(['a']);
    expect(asked).toEqual([['a'], ['a']]);
  });

  it('are tried again after a failure', async () => {
    let fails = true;
    const remembered = rememberVectors(async (texts) => {
      if (fails) throw new Error('away');
      return texts.map(() => Float32Array.of(1));
    }, 10);
    await expect(Promise.all([remembered(['a']), remembered(['a'])])).rejects.toThrow('away');
    fails = false;
    expect(await remembered(['a'])).toEqual([Float32Array.of(1)]);
  });

  it('belong to whoever gets them', async () => {
    const remembered = rememberVectors(counting().embed, 10);
    const [first] = await remembered(['a']);
    first?.fill(9);
    expect(await remembered(['a'])).toEqual([Float32Array.of(1)]);
  });

  it('must be as many as the texts', async () => {
    const remembered = rememberVectors(async () => [], 10);
    await expect(remembered(['a'])).rejects.toThrow('1 texts were to be embedded; found 0 vectors');
  });
});

describe('pieces', () => {
  const pieces = ['[UNK]', 'the', 'sea', '##s', 'The', '.', 'é'];

  it('keep case and accents only where they are asked to', () => {
    expect(new WordPiece(pieces).ids('The sea.')).toEqual([1, 2, 5]);
    expect(new WordPiece(pieces, { uncased: false }).ids('The seas. é')).toEqual([4, 2, 3, 5, 6]);
  });

  it('of the beginning of a long text are those of the whole', () => {
    const words = new WordPiece(pieces);
    const text = 'the seas. Ünknown\tthe\nsea '.repeat(2_000);
    expect(words.ids(text, 1, 700)).toEqual(words.ids(text, 1).slice(0, 700));
    const unbroken = 'the.'.repeat(20_000);
    expect(words.ids(unbroken, 0, 9_000)).toEqual(words.ids(unbroken).slice(0, 9_000));
  });

  it('are read from a list with any line ends', () => {
    expect(readVocabulary('[UNK]\r\nsea\r\n', 'vocab.txt').ids('sea none')).toEqual([1, 0]);
    expect(() => readVocabulary('{}', 'vocab.txt')).toThrow('vocab.txt cannot cut texts');
  });

  it.each([
    ['{', 'what is not JSON'],
    ['{"model":{"type":"Unigram"}}', 'type "Unigram"'],
    ['{"model":{"vocab":[]}}', 'model.vocab'],
    ['{"model":{"vocab":{},"unk_token":"<unk>"}}', 'unk_token <unk>'],
    ['{"model":{"vocab":{},"continuing_subword_prefix":"_"}}', 'continuing_subword_prefix _'],
    ['{"model":{"vocab":{}},"normalizer":{"type":"NFC"}}', 'normalizer of type NFC'],
  ])('are not read from %s', (text, message) => {
    expect(() => readTokenizer(text, 'tokenizer.json')).toThrow(message);
  });
});
