/**
 * Where a deployment of Azure answers, whichever form its `api_base` has.
 *
 * Azure OpenAI has two: `/openai/deployments/{name}/…` with a dated
 * `api-version`, and `/openai/v1/…`, where the deployment's name is the model
 * in the body and no version is needed. Foundry's own models answer at `/models/…`.
 * https://learn.microsoft.com/azure/foundry/openai/api-version-lifecycle
 */
import type { Deployment } from '@rutter/plugin-sdk';

export type Operation = 'chat/completions' | 'completions' | 'embeddings';

export interface Address {
  /** Relative to `api_base`, or whole where that has a query. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
}

const undated = new Set(['v1', 'latest', 'preview']);
const foundryVersion = '2024-05-01-preview';
/** Prefixes of a model that tell its kind and not its name, as LiteLLM has them. */
const seriesPrefix = /^(o_series|gpt5_series)\//;
const seriesModels: Readonly<Record<string, string>> = { o_series: 'o3', gpt5_series: 'gpt-5' };

/** The name of the deployment at Azure. */
export const nameOf = ({ model }: Deployment): string => model.replace(seriesPrefix, '');

/** OpenAI's name of the model behind it: what `base_model` says, the series, or else the deployment's own. */
export function baseModelOf({ model, info, params }: Deployment): string {
  const named = info.base_model ?? params.base_model;
  if (typeof named === 'string' && named !== '') return named;
  const series = seriesPrefix.exec(model)?.[1];
  return (series !== undefined && seriesModels[series]) || model;
}

/** `v1` where the address has the undated form, whatever `api_version` says. */
export function versionOf({ apiBase = '', apiVersion }: Deployment, defaultVersion: string): string {
  if (/\/openai\/v1(\/|$)/.test(bareOf(apiBase))) return apiVersion === 'preview' ? apiVersion : 'v1';
  return apiVersion ?? defaultVersion;
}

export const isUndated = (version: string): boolean => undated.has(version);

const bareOf = (base: string): string => (base.split('?', 1)[0] as string).replace(/\/+$/, '');

export function openAiAddress(deployment: Deployment, operation: Operation, defaultVersion: string): Address {
  const { apiBase = '' } = deployment;
  const version = versionOf(deployment, defaultVersion);
  const query = !isUndated(version)
    ? { 'api-version': version }
    : version === 'preview'
      ? { 'api-version': version }
      : {};
  return addressAt(apiBase, openAiPath(deployment, operation, version), query);
}

function openAiPath(deployment: Deployment, operation: Operation, version: string): string {
  const base = bareOf(deployment.apiBase ?? '');
  if (base.endsWith(`/${operation}`)) return '';
  if (/\/openai\/v1$/.test(base) || /\/openai\/deployments\/[^/]+$/.test(base)) return `/${operation}`;
  const root = base.endsWith('/openai') ? '' : '/openai';
  if (isUndated(version)) return `${root}/v1/${operation}`;
  const name = encodeURIComponent(nameOf(deployment));
  // Cloudflare's gateway puts the resource where Azure has `/openai/deployments`.
  if (base.startsWith('https://gateway.ai.cloudflare.com/')) return `/${name}/${operation}`;
  return `${root}/deployments/${name}/${operation}`;
}

/** Of Foundry's resources, of models with an endpoint of their own, or as `api_base` says to its last word. */
export function foundryAddress({ apiBase = '', apiVersion }: Deployment, operation: Operation): Address {
  const base = bareOf(apiBase);
  const isResource = isAzureResource(base);
  const version = apiVersion ?? (isResource ? foundryVersion : undefined);
  const query = version === undefined || /\/v1(\/|$)/.test(base) ? {} : { 'api-version': version };
  if (base.endsWith(`/${operation}`)) return addressAt(apiBase, '', query);
  if (/\/(models|v1)$/.test(base)) return addressAt(apiBase, `/${operation}`, query);
  return addressAt(apiBase, isResource ? `/models/${operation}` : `/v1/${operation}`, query);
}

/** Whether the address is one of a resource: these take keys in `api-key`, endpoints of single models as bearer. */
export const isAzureResource = (base: string): boolean =>
  /^https?:\/\/[^/]+\.(services\.ai|openai|cognitiveservices)\.azure\.(com|us|cn)(:\d+)?(\/|$)/.test(base);

function addressAt(apiBase: string, path: string, query: Readonly<Record<string, string>>): Address {
  const mark = apiBase.indexOf('?');
  if (mark === -1) return { path, query };
  const given = Object.fromEntries(
    apiBase
      .slice(mark + 1)
      .split('&')
      .filter(Boolean)
      .map((pair) => pair.split('=', 2).map((text) => decodeURIComponent(text ?? '')) as [string, string]),
  );
  return { path: `${bareOf(apiBase)}${path}`, query: { ...query, ...given } };
}
