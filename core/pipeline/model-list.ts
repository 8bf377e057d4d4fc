/** The `models` service: what a caller may ask for, and what it costs. */
import type { Models, PricedDeployment, RequestContext } from '@rutter/plugin-sdk';
import { supportedParameters } from '../admin/supported-parameters.ts';
import { Bill } from '../pricing/bill.ts';
import { Facts } from './facts.ts';
import type { ModelTable, Target } from './models.ts';

const tableOf = (context: RequestContext): ModelTable | undefined => Facts.pathOf(context)?.models;

const isAllowed = (context: RequestContext, ...names: readonly string[]): boolean => {
  const { models } = context.principal;
  return models === undefined || names.some((name) => tableOf(context)?.mayCall(models, name) === true);
};

/** A list of groups some of which the caller may use. */
const isOpenList = (context: RequestContext, name: string): boolean => {
  const group = tableOf(context)?.resolve(name, context.principal.models)?.group;
  return group?.groups !== undefined && group.targets.length > 0;
};

const priced = ({ deployment, pricing: { prices, source } }: Target): PricedDeployment => ({
  ...{ deployment, prices, priceSource: source },
});

export const modelList: Models = {
  list(context, options) {
    const names = tableOf(context)?.names(options?.withWildcards === true) ?? [];
    return names
      .filter((name) => isAllowed(context, name) || isOpenList(context, name))
      .map((name) => ({ id: name, group: name }));
  },

  deployments(context, name) {
    const targets = tableOf(context)?.behind(name, context.principal.models) ?? [];
    if (isOpenList(context, name)) return targets.map(priced);
    if (!isAllowed(context, name, ...targets.slice(0, 1).map(({ deployment }) => deployment.group))) return [];
    return targets.map(priced);
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
