import type { Provider } from '@rutter/plugin-sdk';
import { expect, it } from 'vitest';
import type { DeploymentSettings } from '../config/types.ts';
import { withVariables } from './setting-variables.ts';

const settings = (change: Partial<DeploymentSettings> = {}) =>
  ({ provider: 'acme', apiBase: undefined, apiVersion: undefined, params: {}, ...change }) as DeploymentSettings;
const provider = (variables: Provider['variables']) => ({ variables }) as Provider;
const environment = { ACME_BASE: 'https://acme.example', OTHER: '', ACME_KEY: 'k', ACME_VERSION: 'v2', SITE: 'here' };

it('fills in what a deployment leaves out, from the first variable that is filled', () => {
  const variables = { api_base: ['OTHER', 'ACME_BASE'], api_version: ['ACME_VERSION'], acme_site: ['SITE'] };
  expect(withVariables(settings(), provider(variables), environment)).toEqual(
    settings({ apiBase: 'https://acme.example', apiVersion: 'v2', params: { acme_site: 'here' } }),
  );
});

it('leaves what a deployment names', () => {
  const variables = { api_base: ['ACME_BASE'], acme_site: ['SITE'] };
  const own = settings({ apiBase: 'https://own.example', params: { acme_site: 'there', other: 1 } });
  expect(withVariables(own, provider(variables), environment)).toEqual(own);
});

it('takes no setting that is named as a secret', () => {
  const variables = { api_key: ['ACME_KEY'], acme_token: ['ACME_KEY'], client_secret: ['ACME_KEY'] };
  expect(withVariables(settings(), provider(variables), environment)).toEqual(settings());
});

it('asks by the prefix where a plugin claims several', () => {
  const variables = (prefix: string) => ({ api_base: [`${prefix.toUpperCase()}_BASE`] });
  expect(withVariables(settings(), provider(variables), environment).apiBase).toBe('https://acme.example');
  expect(withVariables(settings({ provider: 'other' }), provider(variables), environment).apiBase).toBeUndefined();
});
