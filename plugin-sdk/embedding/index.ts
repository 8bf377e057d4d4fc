/** What embedders share: cutting texts into pieces, and remembering vectors. */
export { rememberVectors } from './remember.ts';
export { readTokenizer, readVocabulary } from './vocabulary.ts';
export { WordPiece, type WordPieceOptions, wordsOf } from './word-piece.ts';
