/** What a router may say, and which candidates that means. */
import type { Candidate } from '@rutter/plugin-sdk';
import { modelNamed, poolOf } from '@rutter/plugin-sdk/rounds';

export interface Answered {
  /** Best first; undefined where none of the names is a model of the group. */
  readonly tiers?: readonly (readonly Candidate[])[];
  /** For the record. */
  readonly told: string;
}

const mostNames = 64;

function nameIn(entry: unknown): string | undefined {
  if (typeof entry === 'string') return entry;
  const { model_name, model = model_name, name = model } = (entry ?? {}) as Readonly<Record<string, unknown>>;
  return typeof name === 'string' ? name : undefined;
}

const scoreIn = (entry: unknown): number | undefined => {
  const { score } = (entry ?? {}) as Readonly<Record<string, unknown>>;
  return typeof score === 'number' && Number.isFinite(score) ? score : undefined;
};

/**
 * Names, best first: a name, LLMRouter's `{ model_name }`, a list of either, or `{ ranked: [...] }`. Where every entry
 * of a list has a score, they are in the order of scores.
 */
export function namesIn(value: unknown): readonly string[] {
  const { ranked = value } = (typeof value === 'object' && value !== null ? value : {}) as { ranked?: unknown };
  const list = Array.isArray(ranked) ? ranked.slice(0, mostNames) : [typeof value === 'string' ? value : ranked];
  const scores = list.map(scoreIn);
  const order = scores.every((score) => score !== undefined)
    ? list.map((_entry, index) => index).sort((a, b) => (scores[b] as number) - (scores[a] as number) || a - b)
    : list.map((_entry, index) => index);
  return order.map((index) => nameIn(list[index])).filter((name) => name !== undefined);
}

/** Named models first, in their order; whoever was not named comes after them. */
export function tiersFor(candidates: readonly Candidate[], value: unknown): Answered {
  const names = namesIn(value);
  if (names.length === 0) return { told: 'it named nobody' };
  const pool = poolOf(candidates);
  const found = [...new Set(names.map((name) => modelNamed(pool, name)))].filter((model) => model !== undefined);
  const [first] = found;
  if (first === undefined) return { told: 'it named no model of the group' };
  const rest = pool.filter((model) => !found.includes(model)).flatMap((model) => model.candidates);
  const tiers = found.map((model) => model.candidates);
  return { tiers: rest.length > 0 ? [...tiers, rest] : tiers, told: `it named ${first.name}` };
}
