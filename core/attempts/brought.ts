/**
 * Deployments under what a caller brought along: a key, an address, a version
 * or an organisation, where `configurable_clientside_auth_params` allows it.
 *
 * Invariant: the deployment's own key and headers go to the deployment's own
 * origin alone. An address of the caller's is called with the caller's key,
 * under the address rules, and what comes of it says nothing of the deployment.
 */
import { type Auth, RutterError } from '@rutter/plugin-sdk';
import type { DeploymentSettings } from '../config/types.ts';
import type { ModelCall } from '../pipeline/model-call.ts';
import type { Target } from '../pipeline/models.ts';
import { readUrl } from '../upstream/addresses.ts';
import { createRequestSecret } from '../upstream/secret.ts';

/** Whether the deployment lets callers bring all of it. */
export function mayBring({ settings }: Target, brought: ReadonlyMap<string, string>): boolean {
  for (const [name, value] of brought) {
    if (!settings.clientParameters.has(name)) return false;
    const pattern = settings.clientParameters.get(name);
    if (pattern !== undefined && !new RegExp(`^(?:${pattern})`).test(value)) return false;
  }
  return true;
}

/** Throws ERR_REQUEST_INVALID for what none of the deployments allows. */
export function refuseBrought(brought: ReadonlyMap<string, string>, targets: readonly Target[]): RutterError {
  const names = [...brought.keys()];
  const foreign = names.find((name) => !targets.some((target) => target.settings.clientParameters.has(name)));
  const message =
    foreign === undefined
      ? `${names.join(' and ')} may not have the value given for this model.`
      : `${foreign} is not allowed in a request for this model; the operator may allow it with configurable_clientside_auth_params.`;
  return new RutterError('ERR_REQUEST_INVALID', message, { param: foreign ?? (names[0] as string) });
}

/** The target under what the call brought along; itself where that is nothing. */
export function withBrought(call: ModelCall, target: Target): Target {
  const { brought } = call;
  if (brought.size === 0) return target;
  const { settings } = target;
  const key = brought.get('api_key');
  const base = brought.get('api_base')?.replace(/\/+$/, '');
  const isForeign = base !== undefined && readUrl(base).origin !== originOf(target.baseUrl);
  if (isForeign && key === undefined)
    throw new RutterError(
      'ERR_REQUEST_INVALID',
      '"api_base" names another address than the deployment has; expected "api_key" beside it.',
      {
        param: 'api_key',
      },
    );
  const auth = key === undefined ? target.auth : keyed(target.auth);
  if (auth === undefined)
    throw new RutterError(
      'ERR_REQUEST_INVALID',
      `This deployment takes no "api_key": its credential is of another kind (${target.auth.scheme}).`,
      {
        param: 'api_key',
      },
    );
  const own: DeploymentSettings = {
    ...settings,
    ...(key === undefined ? {} : { apiKey: createRequestSecret(key) }),
    ...(base === undefined ? {} : { apiBase: base }),
    apiVersion: brought.get('api_version') ?? settings.apiVersion,
    organization: brought.get('organization') ?? settings.organization,
    ...(isForeign ? { extraHeaders: {}, secrets: {} } : {}),
  };
  return {
    ...target,
    settings: own,
    deployment: Object.freeze({
      ...target.deployment,
      ...(base === undefined ? {} : { apiBase: base }),
      ...(own.apiVersion === undefined ? {} : { apiVersion: own.apiVersion }),
      params:
        own.organization === undefined
          ? target.deployment.params
          : { ...target.deployment.params, organization: own.organization },
    }),
    auth,
    baseUrl: base ?? target.baseUrl,
    isGuarded: base !== undefined,
  };
}

/** The way to authenticate that takes a key; undefined where there is none. */
function keyed(auth: Auth): Auth | undefined {
  const ways = auth.scheme === 'first' ? auth.of : [auth];
  const takesKey = (way: Auth) =>
    ((way.scheme === 'header' || way.scheme === 'query') && (way.keyParam ?? 'api_key') === 'api_key') ||
    way.scheme === 'sigv4';
  return ways.find(takesKey);
}

const originOf = (url: string) => URL.parse(url)?.origin;
