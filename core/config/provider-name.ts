/** Which provider a `model` belongs to, and the vendor's name that remains. */

export interface NamedModel {
  readonly provider: string;
  readonly model: string;
}

/** Names that belong to a vendor without a prefix, as LiteLLM takes them. */
const bareNames: readonly { readonly provider: string; readonly test: RegExp }[] = [
  {
    provider: 'openai',
    test: /^(ft:)?((gpt|chatgpt|text-embedding|dall-e|whisper|tts|omni-moderation|davinci|babbage)-|o\d+(-|$))/,
  },
  { provider: 'anthropic', test: /^claude-/ },
];
/** The same as wildcards. */
const bareWildcards: readonly { readonly provider: string; readonly pattern: string }[] = [
  ...['gpt-*', 'chatgpt-*', 'o1*', 'o3*', 'o4*', 'text-embedding-*', 'dall-e-*', 'whisper-*', 'tts-*'].map(
    (pattern) => ({ provider: 'openai', pattern }),
  ),
  { provider: 'anthropic', pattern: 'claude-*' },
];

export interface Prefixes {
  /** Without a trailing slash. Undefined leaves prefixes unchecked. */
  readonly known: readonly string[] | undefined;
}

/** The prefixes, longest first, so that `a/b` is tried before `a`. */
export function prefixesOf(known: readonly string[] | undefined): Prefixes {
  const names = known?.map((prefix) => prefix.replace(/\/+$/, '')).filter((prefix) => prefix !== '');
  return { known: names === undefined ? undefined : [...new Set(names)].toSorted((a, b) => b.length - a.length) };
}

/** Undefined when no known provider is named. */
export function providerOf(model: string, custom: string | undefined, { known }: Prefixes): NamedModel | undefined {
  if (custom !== undefined) {
    if (known !== undefined && !known.includes(custom)) return undefined;
    return { provider: custom, model: model.startsWith(`${custom}/`) ? model.slice(custom.length + 1) : model };
  }
  const slash = model.indexOf('/');
  const prefix =
    known === undefined ? model.slice(0, Math.max(0, slash)) : known.find((name) => model.startsWith(`${name}/`));
  if (prefix !== undefined && prefix !== '') return { provider: prefix, model: model.slice(prefix.length + 1) };
  const bare = slash < 0 ? bareNames.find(({ test }) => test.test(model)) : undefined;
  const isKnown = bare !== undefined && (known === undefined || known.includes(bare.provider));
  return isKnown ? { provider: bare.provider, model } : undefined;
}

/**
 * `model: "*"` takes any model with its prefix from the caller. Written out: one
 * wildcard a provider, and one for each family of names that needs no prefix.
 */
export function everyProvider(
  modelName: string,
  { known = [] }: Prefixes,
): readonly (NamedModel & { readonly modelName: string })[] {
  const star = (text: string) => modelName.replace('*', () => text);
  const prefixed = known.map((provider) => ({ modelName: star(`${provider}/*`), provider, model: '*' }));
  const bare = bareWildcards.filter(({ provider }) => known.includes(provider));
  return [
    ...prefixed,
    ...bare.map(({ pattern, provider }) => ({ modelName: star(pattern), provider, model: pattern })),
  ];
}
