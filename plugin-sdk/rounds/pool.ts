/** The models a strategy may ask: candidates by model, under the names that people and models call them by. */
import type { Candidate, Deployment } from '../contract/request.ts';
import { sizeOf } from '../routing/size.ts';

export interface PoolModel {
  /** What it is called in prompts: `model_info.router_model`, else the vendor's name of it. */
  readonly name: string;
  /** Its deployments, a tie for the strategies behind. */
  readonly candidates: readonly Candidate[];
  /** `model_info.description`, else `feature`, as LLMRouter calls it; at most 300 characters. */
  readonly description: string | undefined;
  /** Input and output price of a token together, in pico-dollars; undefined when unknown. */
  readonly price: number | undefined;
  /** Billions of parameters, where they are told. */
  readonly size: number | undefined;
}

const longestDescription = 300;

const textOf = (value: unknown) => (typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined);
const nameOf = ({ model, info }: Deployment) => textOf(info.router_model) ?? model;

/** In configured order of their first deployments. */
export function poolOf(candidates: readonly Candidate[]): readonly PoolModel[] {
  const groups = new Map<string, Candidate[]>();
  for (const candidate of candidates) {
    const name = nameOf(candidate.deployment);
    const known = groups.get(name);
    if (known) known.push(candidate);
    else groups.set(name, [candidate]);
  }
  return [...groups].map(([name, own]) => {
    const [{ deployment }] = own as [Candidate];
    const { description, feature } = deployment.info;
    return {
      name,
      candidates: own,
      description: (textOf(description) ?? textOf(feature))?.slice(0, longestDescription),
      price: sizeOf(deployment, 'price'),
      size: sizeOf(deployment, 'size'),
    };
  });
}

/** Weakest first: by price, else by size, where all of them have one; else in configured order. */
export function byStrength(pool: readonly PoolModel[]): readonly PoolModel[] {
  for (const measure of ['price', 'size'] as const)
    if (pool.every((model) => model[measure] !== undefined))
      return pool.toSorted((a, b) => (a[measure] as number) - (b[measure] as number));
  return pool;
}

const folded = (text: string) =>
  text
    .trim()
    .replace(/^["'`*[<(]+|["'`*\]>).,;:]+$/g, '')
    .trim()
    .toLowerCase();

const literal = (name: string) => name.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');

const short = (name: string) => name.slice(name.lastIndexOf('/') + 1);

function aliasesOf({ name, candidates: [first] }: PoolModel): readonly string[] {
  const { model, provider, id } = (first as Candidate).deployment;
  return [name, short(name), model, `${provider}/${model}`, short(model), id].map(folded);
}

/** The one model that is called so: by its whole name, with or without what stands before a slash, in any case. Never by a part of a name. */
export function modelNamed<M extends PoolModel>(pool: readonly M[], text: string): M | undefined {
  const wanted = folded(text);
  if (wanted === '') return undefined;
  const exact = pool.find(({ name }) => folded(name) === wanted);
  if (exact) return exact;
  const found = pool.filter((model) => aliasesOf(model).includes(wanted));
  return found.length === 1 ? found[0] : undefined;
}

/** The one model whose whole name a text mentions; of names within names the longest. Undefined for none, or several. */
export function modelMentioned<M extends PoolModel>(pool: readonly M[], text: string): M | undefined {
  let rest = text.toLowerCase();
  const found = new Set<M>();
  const names = pool.flatMap((model) => [...new Set(aliasesOf(model))].map((name) => ({ model, name })));
  for (const { model, name } of names.toSorted((a, b) => b.name.length - a.name.length)) {
    if (name.length < 2) continue;
    const pattern = new RegExp(`(?<![\\p{L}\\p{N}])${literal(name)}(?![\\p{L}\\p{N}])`, 'gu');
    if (!pattern.test(rest)) continue;
    found.add(model);
    rest = rest.replace(pattern, ' ');
  }
  return found.size === 1 ? [...found][0] : undefined;
}

/** Tiers of candidates by strength, for `select`: what is to be asked where no model has said anything. */
export const tiersByStrength = (candidates: readonly Candidate[], first: 'strongest' | 'weakest') => {
  const pool = byStrength(poolOf(candidates));
  return (first === 'weakest' ? pool : pool.toReversed()).map((model) => model.candidates);
};

/** One line a model, for prompts. */
export const describePool = (pool: readonly PoolModel[]): string =>
  pool.map(({ name, description }) => `- ${name}${description === undefined ? '' : `: ${description}`}`).join('\n');
