/** Settings that the environment holds for deployments which leave them out, by the names their provider tells. */
import type { Provider } from '@rutter/plugin-sdk';
import { isSecretName } from '../config/secrets.ts';
import type { DeploymentSettings } from '../config/types.ts';

/** The settings themselves where nothing is added. What is named as a secret is never taken: plugins see settings. */
export function withVariables(
  settings: DeploymentSettings,
  { variables = {} }: Provider,
  environment: NodeJS.ProcessEnv,
): DeploymentSettings {
  const found: Record<string, string> = {};
  const named = typeof variables === 'function' ? variables(settings.provider) : variables;
  for (const [setting, names] of Object.entries(named)) {
    const filled = names.find((name) => environment[name]);
    if (filled !== undefined && !isSecretName(setting)) found[setting] = environment[filled] as string;
  }
  const { api_base: apiBase, api_version: apiVersion, ...params } = found;
  return {
    ...settings,
    apiBase: settings.apiBase ?? apiBase,
    apiVersion: settings.apiVersion ?? apiVersion,
    params: { ...params, ...settings.params },
  };
}
