/** The `models` service: what a caller may ask for, and what it costs. */
import type { Models, RequestContext } from '@rutter/plugin-sdk';
import { supportedParameters } from '../admin/supported-parameters.ts';
import { Bill } from '../pricing/bill.ts';
import { Facts } from './facts.ts';
import type { ModelTable } from './models.ts';

const tableOf = (context: RequestContext): ModelTable | undefined => Facts.pathOf(context)?.models;

const isAllowed = (context: RequestContext, ...names: readonly string[]): boolean => {
  const { models } = context.principal;
  return models === undefined || names.some((name) => tableOf(context)?.mayCall(models, name) === true);
};

export const modelList: Models = {
  list(context, options) {
    const names = tableOf(context)?.names(options?.withWildcards === true) ?? [];
    return names.filter((name) => isAllowed(context, name)).map((name) => ({ id: name, group: name }));
  },

  deployments(context, name) {
    const targets = tableOf(context)?.behind(name) ?? [];
    if (!isAllowed(context, name, ...targets.slice(0, 1).map(({ deployment }) => deployment.group))) return [];
    return targets.map(({ deployment, pricing: { prices, source } }) => ({ deployment, prices, priceSource: source }));
  },

  cost(context, deployment, usage) {
    const target = tableOf(context)?.behind(deployment)[0];
    if (!target || !isAllowed(context, target.deployment.group, deployment)) return undefined;
    const bill = new Bill();
    bill.add(usage, target.pricing.tariff, { adjustment: target.adjustment });
    return bill.cost;
  },

  async parameters(context, deployment) {
    const target = tableOf(context)?.behind(deployment)[0];
    if (!target || !isAllowed(context, target.deployment.group, deployment)) return undefined;
    return supportedParameters(context, target);
  },
};
