/** Routes that tell of models: one row a deployment, and one a group with its deployments merged. */
import type { HandlerRoute, ModelRow, Models, PricedDeployment, RequestContext } from '@rutter/plugin-sdk';
import { RutterError } from '@rutter/plugin-sdk';

/** Settings that say nothing secret. */
const shownParams = [
  'custom_llm_provider',
  'region_name',
  'aws_region_name',
  'vertex_project',
  'vertex_location',
  'drop_params',
] as const;

/** Prices as numbers, for clients that reckon with them. */
export const asNumbers = (prices: ModelRow): ModelRow =>
  JSON.parse(JSON.stringify(prices), (_key, value) =>
    typeof value === 'string' && value.trim() !== '' && Number.isFinite(Number(value)) ? Number(value) : value,
  );

const present = (row: ModelRow): ModelRow =>
  Object.fromEntries(Object.entries(row).filter(([, value]) => value !== undefined));

function withoutQuery(address: string | undefined): string | undefined {
  return address?.replace(/[?#].*$/s, '').replace(/^([a-z]+:\/\/)[^/@]*@/i, '$1');
}

interface Shown {
  readonly name: string;
  readonly one: PricedDeployment;
  readonly parameters: readonly string[] | undefined;
}

function rowOf({ name, one: { deployment, prices, priceSource }, parameters }: Shown, isAdmin: boolean): ModelRow {
  const { id, provider, model, params, info, apiBase, apiVersion, rpm, tpm, weight, order, tags } = deployment;
  return {
    model_name: name,
    litellm_params: present({
      model: `${provider}/${model}`,
      // Where a deployment lives is the operator's business.
      api_base: isAdmin ? withoutQuery(apiBase) : undefined,
      api_version: isAdmin ? apiVersion : undefined,
      rpm,
      tpm,
      weight,
      order,
      tags: tags.length > 0 ? tags : undefined,
      ...(isAdmin && Object.fromEntries(shownParams.map((key) => [key, params[key]]))),
    }),
    model_info: present({
      mode: 'chat',
      litellm_provider: provider,
      ...info,
      ...asNumbers(prices),
      price_source: priceSource,
      supported_openai_params: parameters,
      id,
      db_model: false,
    }),
  };
}

const numbers = (rows: readonly ModelRow[], key: string): number[] =>
  rows.map((row) => row[key]).filter((value) => typeof value === 'number');
const most = (values: readonly number[]) => (values.length === 0 ? undefined : Math.max(...values));
const sum = (values: readonly number[]) =>
  values.length === 0 ? undefined : values.reduce((total, value) => total + value, 0);

/** The largest limits, the highest prices, the sum of the rates, and what any deployment can do. */
function groupOf(name: string, shown: readonly Shown[]): ModelRow {
  const deployments = shown.map(({ one }) => one);
  const rows = deployments.map(({ deployment, prices }) => ({ ...deployment.info, ...asNumbers(prices) }) as ModelRow);
  const keys = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const merged: Record<string, unknown> = {};
  for (const key of keys) {
    if (/^max_.*tokens$|_cost/.test(key)) merged[key] = most(numbers(rows, key));
    else if (key.startsWith('supports_')) merged[key] = rows.some((row) => row[key] === true);
  }
  return present({
    model_group: name,
    providers: [...new Set(deployments.map(({ deployment }) => deployment.provider))],
    mode: rows.find(({ mode }) => mode !== undefined)?.mode ?? 'chat',
    ...merged,
    tpm: sum(deployments.flatMap(({ deployment: { tpm } }) => tpm ?? [])),
    rpm: sum(deployments.flatMap(({ deployment: { rpm } }) => rpm ?? [])),
    supported_openai_params: [...new Set(shown.flatMap(({ parameters }) => parameters ?? []))],
  });
}

export function infoRoutes(models: Models): readonly HandlerRoute[] {
  const names = (context: RequestContext) => models.list(context, { withWildcards: true }).map(({ id }) => id);
  const route = (path: string, handler: HandlerRoute['handler']): HandlerRoute => ({
    method: 'GET',
    mode: 'json',
    path,
    permission: 'model.read',
    handler,
  });
  const shown = (context: RequestContext, name: string) =>
    Promise.all(
      models
        .deployments(context, name)
        .map(async (one) => ({ name, one, parameters: await models.parameters(context, one.deployment.id) })),
    );
  const rows: HandlerRoute['handler'] = async ({ context, query }) => {
    const wanted = query.litellm_model_id;
    const data: ModelRow[] = [];
    // One name after the other: the first look at many models must not hold up the requests beside it.
    for (const name of names(context))
      for (const one of await shown(context, name))
        if (wanted === undefined || one.one.deployment.id === wanted)
          data.push(rowOf(one, context.principal.kind !== 'key'));
    if (wanted !== undefined && data.length === 0) throw unknown('deployment', wanted);
    return { body: { data } };
  };
  const groups: HandlerRoute['handler'] = async ({ context, query }) => {
    const wanted = query.model_group;
    const found = names(context).filter((name) => wanted === undefined || name === wanted);
    if (wanted !== undefined && found.length === 0) throw unknown('model group', wanted);
    const data: ModelRow[] = [];
    for (const name of found) data.push(groupOf(name, await shown(context, name)));
    return { body: { data } };
  };
  return [...['/model/info', '/v1/model/info'].map((path) => route(path, rows)), route('/model_group/info', groups)];
}

const unknown = (what: string, name: string) =>
  new RutterError(
    'ERR_REQUEST_NOT_FOUND',
    `There is no ${what} ${JSON.stringify(name.slice(0, 100))} that this key may call.`,
  );
