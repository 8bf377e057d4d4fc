/** The `models` service: what a caller may ask for. */
import type { Models, RequestContext } from '@rutter/plugin-sdk';
import { Facts } from './facts.ts';

const allows = (models: readonly string[], name: string) =>
  models.length === 0 ||
  models.some((model) => model === name || (model.endsWith('*') && name.startsWith(model.slice(0, -1))));

export const modelList: Models = {
  list(context: RequestContext, options) {
    const table = Facts.pathOf(context)?.models;
    if (!table) return [];
    const { models } = context.principal;
    return table
      .names(options?.withWildcards === true)
      .filter((name) => models === undefined || allows(models, name))
      .map((name) => ({ id: name, group: name }));
  },
};
