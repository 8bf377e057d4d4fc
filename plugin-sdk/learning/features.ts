/**
 * What a learner sees of a text: its embedding, the shape it has, and its
 * hashed words. A space is learnt once from training texts and travels with
 * the artefact, so that training and serving measure alike.
 */
import { traitNames, traitsOf } from './traits.ts';
import { countWords, rarityOf, type Sparse, type WordCounts, weighWords } from './words.ts';

export interface Features {
  /** Unit length, or all zero where the embedder knew no word. */
  readonly embedding: Float32Array;
  /** Standardised, between -3 and 3. */
  readonly traits: Float32Array;
  readonly words: Sparse;
}

/** Everything that is measured of a text before anything was learnt. */
export interface RawFeatures {
  readonly embedding: Float32Array;
  readonly traits: Float32Array;
  readonly counts: WordCounts;
}

export interface FeatureSpace {
  /** Version of the embedder; another one's vectors mean something else. */
  readonly embedder: string;
  readonly dimensions: number;
  readonly traitMean: Float32Array;
  readonly traitScale: Float32Array;
  readonly rarity: Float32Array;
}

const mostDeviations = 3;

export const rawFeatures = (text: string, embedding: Float32Array): RawFeatures => ({
  embedding,
  traits: traitsOf(text),
  counts: countWords(text),
});

export function learnSpace(embedder: string, raw: readonly RawFeatures[]): FeatureSpace {
  const width = traitNames.length;
  const traitMean = new Float32Array(width);
  const traitScale = new Float32Array(width);
  for (let trait = 0; trait < width; trait++) {
    const values = raw.map(({ traits }) => traits[trait] as number);
    const mean = values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, values.length);
    traitMean[trait] = mean;
    traitScale[trait] = variance < 1e-12 ? 0 : 1 / Math.sqrt(variance);
  }
  const rarity = rarityOf(raw.map(({ counts }) => counts));
  return { embedder, dimensions: raw[0]?.embedding.length ?? 0, traitMean, traitScale, rarity };
}

export function inSpace(space: FeatureSpace, { embedding, traits, counts }: RawFeatures): Features {
  const standard = traits.map((value, trait) => {
    const deviation = (value - (space.traitMean[trait] as number)) * (space.traitScale[trait] as number);
    return Math.max(-mostDeviations, Math.min(mostDeviations, deviation));
  });
  return { embedding, traits: standard, words: weighWords(counts, space.rarity) };
}

/** Embedding and traits in one row, each times its weight. */
export function denseRow(
  { embedding, traits }: Features,
  weights: { readonly embedding: number; readonly traits: number },
): Float32Array {
  const row = new Float32Array(embedding.length + traits.length);
  for (let at = 0; at < embedding.length; at++) row[at] = (embedding[at] as number) * weights.embedding;
  for (let at = 0; at < traits.length; at++) row[embedding.length + at] = (traits[at] as number) * weights.traits;
  return row;
}

export function denseRows(
  features: readonly Features[],
  weights: { readonly embedding: number; readonly traits: number },
): { readonly values: Float32Array; readonly width: number } {
  const width = (features[0]?.embedding.length ?? 0) + traitNames.length;
  const values = new Float32Array(features.length * width);
  features.forEach((one, row) => {
    values.set(denseRow(one, weights), row * width);
  });
  return { values, width };
}
