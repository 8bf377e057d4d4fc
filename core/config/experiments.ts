/** `router_settings.experiments`: strategies compared on a part of the requests, or beside them. */

type Settings = Readonly<Record<string, unknown>>;

/** A strategy with options, as `routing_strategy` and `routing_strategy_args` name it. */
export interface NamedStrategy {
  readonly strategy: string;
  readonly args: Settings;
}

export interface Variant {
  readonly name: string;
  /** Undefined for what is configured without the experiment. */
  readonly named: NamedStrategy | undefined;
  readonly weight: number;
}

/** What a request is given its variant by: the first of these that it has. */
const keyTypes = ['user', 'session', 'key', 'team', 'request'] as const;
export type KeyType = (typeof keyTypes)[number];

export interface Experiment {
  readonly name: string;
  /** Where it stands in the list. */
  readonly index: number;
  /** Groups it is about; all when undefined. */
  readonly models: readonly string[] | undefined;
  /** The first one is what the others are compared with. */
  readonly variants: readonly Variant[];
  readonly shadows: readonly NamedStrategy[];
  readonly keys: readonly KeyType[];
  readonly salt: string;
}

/** What is wrong with the list. */
export interface ExperimentFault {
  /** Below `router_settings.experiments`. */
  readonly path: readonly (string | number)[];
  readonly message: string;
  readonly found: unknown;
  readonly expected: string;
}

const namePattern = /^[\w-]{1,64}$/;
const mostExperiments = 32;
const mostVariants = 16;

const isBlock = (value: unknown): value is Settings =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isName = (value: unknown): value is string => typeof value === 'string' && namePattern.test(value);

export function readExperiments(settings: Settings): {
  readonly experiments: readonly Experiment[];
  readonly faults: readonly ExperimentFault[];
} {
  const router = settings.router_settings;
  const list = isBlock(router) ? (router.experiments ?? []) : [];
  const faults: ExperimentFault[] = [];
  if (!Array.isArray(list) || list.length > mostExperiments) {
    faults.push({
      path: [],
      message: 'The experiments are no list.',
      found: list,
      expected: `a list of at most ${mostExperiments}`,
    });
    return { experiments: [], faults };
  }
  const experiments = list.flatMap((item: unknown, index) => new Reader(index, faults).experiment(item) ?? []);
  experiments.forEach(({ name, index }) => {
    if (experiments.some((other) => other.name === name && other.index < index))
      faults.push({
        path: [index, 'experiment'],
        message: 'Two experiments have one name.',
        found: name,
        expected: 'a name of its own',
      });
  });
  return { experiments, faults };
}

class Reader {
  readonly #index: number;
  readonly #faults: ExperimentFault[];

  constructor(index: number, faults: ExperimentFault[]) {
    this.#index = index;
    this.#faults = faults;
  }

  experiment(item: unknown): Experiment | undefined {
    const block = isBlock(item) ? item : {};
    const { experiment: name, models, variants = [], shadows = [], key = keyTypes, salt = name } = block;
    if (!isName(name)) return this.#refuse(['experiment'], name, 'a name of letters, digits, hyphens and underscores');
    if (models !== undefined && !(isTexts(models) && models.length > 0))
      return this.#refuse(['models'], models, 'a list of model groups');
    if (typeof salt !== 'string') return this.#refuse(['salt'], salt, 'a text');
    const keys = Array.isArray(key) ? key : [key];
    if (keys.length === 0 || !keys.every((one) => keyTypes.includes(one)))
      return this.#refuse(['key'], key, `some of ${keyTypes.join(', ')}`);
    const arms = this.#variants(variants);
    const beside = this.#shadows(shadows);
    if (arms === undefined || beside === undefined) return undefined;
    if (arms.length === 0 && beside.length === 0)
      return this.#refuse(['variants'], variants, 'variants to compare, or shadows');
    return {
      name,
      index: this.#index,
      models: models as readonly string[] | undefined,
      variants: arms,
      shadows: beside,
      keys,
      salt,
    };
  }

  #variants(list: unknown): readonly Variant[] | undefined {
    if (!Array.isArray(list) || list.length === 1 || list.length > mostVariants)
      return this.#refuse(['variants'], list, `two variants at least, ${mostVariants} at most`);
    const found: Variant[] = [];
    for (const [index, item] of list.entries()) {
      const { variant: name, weight } = isBlock(item) ? item : {};
      const at = ['variants', index];
      if (!isName(name) || found.some((other) => other.name === name))
        return this.#refuse([...at, 'variant'], name, 'a name of its own of letters, digits, hyphens and underscores');
      if (typeof weight !== 'number' || !(weight >= 0 && weight <= 1e6))
        return this.#refuse([...at, 'weight'], weight, 'a number from 0 to 1,000,000');
      const isConfigured = (item as Settings).routing_strategy === undefined;
      const named = isConfigured ? undefined : this.#strategy(item, at);
      if (!isConfigured && named === undefined) return undefined;
      found.push({ name, named, weight });
    }
    if (found.length > 0 && found.every(({ weight }) => weight === 0))
      return this.#refuse(['variants'], list, 'a weight above 0');
    return found;
  }

  #shadows(list: unknown): readonly NamedStrategy[] | undefined {
    if (!Array.isArray(list) || list.length > mostVariants)
      return this.#refuse(['shadows'], list, `a list of at most ${mostVariants} strategies`);
    const found = list.map((item, index) => this.#strategy(item, ['shadows', index]));
    return found.every((one) => one !== undefined) ? found : undefined;
  }

  #strategy(item: unknown, at: readonly (string | number)[]): NamedStrategy | undefined {
    const { routing_strategy: strategy, routing_strategy_args: args = {} } = isBlock(item) ? item : {};
    if (typeof strategy !== 'string')
      return this.#refuse([...at, 'routing_strategy'], strategy, 'the name of a strategy');
    if (!isBlock(args)) return this.#refuse([...at, 'routing_strategy_args'], args, 'a block of options');
    return { strategy, args };
  }

  #refuse(path: readonly (string | number)[], found: unknown, expected: string): undefined {
    const what = path.findLast((part) => typeof part === 'string');
    this.#faults.push({
      path: [this.#index, ...path],
      message: `An experiment has no usable "${what}".`,
      found,
      expected,
    });
    return undefined;
  }
}

const isTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((one) => typeof one === 'string');

/** What the strategy of a variant, or the shadow at an index, is `for` in place of model groups. */
export const armOf = (experiment: string, variant: string): string => `experiment:${experiment}:${variant}`;
export const shadowOf = (experiment: string, index: number): string => `experiment:${experiment}:shadow:${index}`;
