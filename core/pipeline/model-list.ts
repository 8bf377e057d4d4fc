/** The `models` service: what a caller may ask for. */
import type { Models, RequestContext } from '@rutter/plugin-sdk';
import { Facts } from './facts.ts';
import { mayCall } from './may-call.ts';

export const modelList: Models = {
  list(context: RequestContext, options) {
    const table = Facts.pathOf(context)?.models;
    if (!table) return [];
    const { models } = context.principal;
    return table
      .names(options?.withWildcards === true)
      .filter((name) => models === undefined || mayCall(models, name))
      .map((name) => ({ id: name, group: name }));
  },
};
