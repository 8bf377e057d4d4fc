/** The artefact of a cascade: a table of actions, in the file format of all that has been learnt. */
import { RutterError } from '../contract/errors.ts';
import { readArtefact, writeArtefact } from './artefact.ts';
import type { Actions } from './meta-verifier.ts';

export const cascadeName = 'llmrouter-automix';

export interface Cascade {
  /** Names of the small and the large model it was learnt for; empty where they were not told. */
  readonly models: readonly string[];
  readonly actions: Actions;
  /** The rule that proposed the table. */
  readonly family: string;
}

const none = new Float32Array(0);

export interface CascadeFacts {
  readonly metrics: Readonly<Record<string, number>>;
  /** SHA-256 of the rows. */
  readonly dataHash: string;
}

export const writeCascade = ({ models, actions, family }: Cascade, { metrics, dataHash }: CascadeFacts): Buffer =>
  writeArtefact(
    { strategy: cascadeName, models, metrics, dataHash },
    // It reads no words, so that no embedder matters.
    { embedder: 'none', dimensions: 0, traitMean: none, traitScale: none, rarity: none },
    { facts: { family }, blocks: { actions: Float32Array.from(actions, Number) } },
  );

/** Throws ERR_CONFIG_INVALID with what was found and what was expected. */
export function readCascade(bytes: Uint8Array, path: string): Cascade {
  const { header, learnt } = readArtefact(bytes, path);
  if (header.strategy !== cascadeName)
    throw new RutterError('ERR_CONFIG_INVALID', `${path} was trained for ${header.strategy}; expected ${cascadeName}.`);
  const { actions } = learnt.blocks;
  if (actions === undefined || actions.length < 2)
    throw new RutterError('ERR_CONFIG_INVALID', `${path} has no table of actions; expected one of two bins at least.`);
  return {
    models: header.models,
    actions: Array.from(actions, (action) => action > 0.5),
    family: String(learnt.facts.family),
  };
}
