/**
 * From a deployment to what it charges: the prices it names itself, else the
 * row that the price book has of its model.
 */
import type { ModelRow, PriceBook } from '@rutter/plugin-sdk';
import type { DeploymentSettings } from '../config/types.ts';
import { readPriceName } from './price-keys.ts';
import { Tariff } from './tariff.ts';

/** What is known of one deployment's model. */
export interface Pricing {
  /** Undefined when no price is known. */
  readonly tariff: Tariff | undefined;
  /** The prices it was compiled from, under LiteLLM's names. */
  readonly prices: ModelRow;
  readonly source: string | undefined;
  /** Limits and abilities, without prices. */
  readonly abilities: ModelRow;
}

const structured: ReadonlySet<string> = new Set([
  'tiered_pricing',
  'search_context_cost_per_query',
  'provider_specific_entry',
]);
const isPrice = (key: string) =>
  structured.has(key) || key.startsWith('regional_processing_uplift_') || readPriceName(key).length > 0;

const ability = /^(max_.*tokens|mode|supports_[a-z0-9_]+|output_vector_size|litellm_provider|deprecation_date)$/;

/** What a price is for; without one of these, prices that a deployment names are added to the known ones. */
const wholeTariff = /^(input_cost|output_cost|tiered_pricing)/;

export function pricingOf(settings: DeploymentSettings, model: string, book: PriceBook | undefined): Pricing {
  const { provider, info, prices: own } = settings;
  const baseModel = typeof info.base_model === 'string' ? info.base_model : undefined;
  const found = book?.find({ provider, model, ...(baseModel === undefined ? {} : { baseModel }) });
  const row = found?.row ?? {};
  const known = Object.fromEntries(Object.entries(row).filter(([key]) => isPrice(key)));
  const isWhole = own !== undefined && Object.keys(own).some((key) => wholeTariff.test(key));
  const prices: ModelRow = own === undefined ? known : isWhole ? own : { ...known, ...own };
  const includesThreshold = book?.includesThreshold(provider) ?? false;
  const tariff = Tariff.of(prices, { includesThreshold });
  const fromBook = found && `${found.name} in ${found.source}`;
  return {
    tariff,
    prices: tariff ? prices : {},
    source:
      tariff === undefined
        ? undefined
        : own === undefined
          ? fromBook
          : isWhole
            ? 'the deployment'
            : `the deployment, over ${fromBook ?? 'nothing'}`,
    abilities: Object.fromEntries(Object.entries(row).filter(([key, value]) => ability.test(key) && value != null)),
  };
}
