/**
 * The names under which a model may stand in a table of prices, the likeliest
 * first: as it is said, without the route or region of Bedrock, without the
 * date of its release.
 */
import type { ModelQuery } from '@rutter/plugin-sdk';

export interface Spelling {
  readonly name: string;
  /** The row must be of this provider: a bare name says nothing of who sells it. */
  readonly provider: string | undefined;
}

/** Every spelling of a query, in the order they are looked for. */
export function* spellingsOf({ provider, model, baseModel }: ModelQuery): Generator<Spelling> {
  if (baseModel !== undefined && baseModel !== '') {
    yield* spelled(baseModel, undefined, provider);
    yield* spelled(`${provider}/${baseModel}`, undefined, provider);
  }
  yield* spelled(`${provider}/${model}`, undefined, provider);
  yield* spelled(model, provider, provider);
}

function* spelled(name: string, owner: string | undefined, provider: string): Generator<Spelling> {
  // A model of one's own costs more than the one it was made from: no other row will do.
  const tuned = /^(.*\/)?(ft:[^:]+)/.exec(name);
  const plain = tuned
    ? [name, `${tuned[1] ?? ''}${tuned[2]}`]
    : [name, ...(isBedrock(provider, name) ? regional(name) : [])];
  for (const one of plain) yield { name: one, provider: owner };
  if (tuned) return;
  for (const one of plain) {
    const family = undated(one);
    if (family !== one) yield { name: family, provider: owner };
  }
}

const maker = /(^|[./])(amazon|anthropic|cohere|deepseek|meta|mistral|openai|qwen)\./;
const isBedrock = (provider: string, name: string) => provider.startsWith('bedrock') || maker.test(name);

const route = /^(?:bedrock\/)?(?:(?:converse|invoke|converse_like)\/)?(?:[a-z]{2}(?:-[a-z]+)+-\d\/)?/;
const region = /^(us-gov|us|eu|apac|jp|au|ca|sa|global)\./;

/** Bedrock's ids come behind a route, a region, an address, and the area of an inference profile. */
function regional(name: string): string[] {
  const id = name.includes('arn:') ? name.slice(name.lastIndexOf('/') + 1) : name.replace(route, '');
  const area = region.exec(id);
  if (!area) return id === name ? [] : [id];
  const rest = id.slice(area[0].length);
  // Profiles of one area cost what those of any other do; the worldwide ones cost what the model does.
  const profile = area[1] === 'us' || area[1] === 'global' ? [] : [`us.${rest}`];
  return [...(id === name ? [] : [id]), ...profile, rest];
}

const release = /(?:-20\d\d-?[01]\d-?[0-3]\d|@(?:20\d{6}|default|latest)|-latest|-00\d)$/;

/** `gpt-4o` for `gpt-4o-2024-11-20`. */
export const undated = (name: string): string => name.replace(release, '');

const families: readonly (readonly [RegExp, string])[] = [
  [/^vertex_ai/, 'vertex_ai'],
  [/^bedrock/, 'bedrock'],
  [/^cohere/, 'cohere'],
  [/^text-completion-openai$/, 'openai'],
  [/^azure_text$/, 'azure'],
];
const familyOf = (provider: string) => families.find(([pattern]) => pattern.test(provider))?.[1] ?? provider;

/** Whether a row's `litellm_provider` is who a deployment calls; one that says nobody's is everybody's. */
export const isSameProvider = (row: unknown, provider: string): boolean =>
  row === undefined || (typeof row === 'string' && familyOf(row) === familyOf(provider));
