/**
 * How Azure is told who calls: a key, a token of Entra ID, or one that the
 * kernel fetches for a client, for what a file holds, or for the machine.
 * https://learn.microsoft.com/azure/ai-foundry/openai/how-to/managed-identity
 */
import type { Auth, Deployment, FirstAuth, HeaderAuth, OAuth2Auth } from '@rutter/plugin-sdk';
import { isAzureResource } from './address.ts';
import { isClaude } from './claude.ts';

const publicAuthority = 'https://login.microsoftonline.com';
const usualScope = 'https://cognitiveservices.azure.com/.default';
const metadataService = 'http://169.254.169.254/metadata/identity/oauth2/token';

type Text = string | undefined;
const textOf = (value: unknown): Text => (typeof value === 'string' && value !== '' ? value : undefined);

interface Grants {
  readonly client: OAuth2Auth;
  readonly assertion: OAuth2Auth;
  readonly identity: OAuth2Auth;
}

function grantsOf({ params }: Deployment): Grants {
  const host = (textOf(params.azure_authority_host) ?? publicAuthority).replace(/\/+$/, '');
  const authority = /^https?:\/\//.test(host) ? host : `https://${host}`;
  const scope = textOf(params.azure_scope) ?? usualScope;
  const tokenUrl = `${authority}/{tenant_id}/oauth2/v2.0/token`;
  const variables = { tenant_id: 'AZURE_TENANT_ID', client_id: 'AZURE_CLIENT_ID' };
  return {
    client: {
      scheme: 'oauth2',
      grant: 'client_credentials',
      tokenUrl,
      scope,
      variables: { ...variables, client_secret: 'AZURE_CLIENT_SECRET' },
    },
    assertion: {
      scheme: 'oauth2',
      grant: 'client_assertion',
      tokenUrl,
      scope,
      keyParam: 'azure_federated_token_file',
      variables: { ...variables, azure_federated_token_file: 'AZURE_FEDERATED_TOKEN_FILE' },
    },
    identity: {
      scheme: 'oauth2',
      grant: 'managed_identity',
      tokenUrl: metadataService,
      audience: scope.replace(/\/\.default$/, ''),
      variables: { client_id: 'AZURE_CLIENT_ID' },
    },
  };
}

const token: HeaderAuth = {
  scheme: 'header',
  header: 'authorization',
  prefix: 'Bearer ',
  keyParam: 'azure_ad_token',
  variable: 'AZURE_AD_TOKEN',
};

/** One way, where `azure_credential_type` names it; else whichever is given, a key before a token. */
export function azureAuth(deployment: Deployment): Auth {
  const { client, assertion, identity } = grantsOf(deployment);
  switch (deployment.params.azure_credential_type) {
    case 'ClientSecretCredential':
      return client;
    case 'WorkloadIdentityCredential':
      return assertion;
    case 'ManagedIdentityCredential':
      return identity;
    case 'DefaultAzureCredential':
      // The identity of the machine stands first because it is the one to be tried where nothing is given.
      return first(identity, client, assertion);
    default:
      return first(keyOf(deployment), token, client, assertion, identity);
  }
}

const first = (...of: FirstAuth['of']): FirstAuth => ({ scheme: 'first', of });

function keyOf(deployment: Deployment): HeaderAuth {
  const { provider, apiBase = '' } = deployment;
  if (provider !== 'azure_ai')
    return { scheme: 'header', header: 'api-key', variable: ['AZURE_API_KEY', 'AZURE_OPENAI_API_KEY'] };
  const variable = 'AZURE_AI_API_KEY';
  if (isClaude(deployment)) return { scheme: 'header', header: 'x-api-key', variable };
  return isAzureResource(apiBase)
    ? { scheme: 'header', header: 'api-key', variable }
    : { scheme: 'header', header: 'authorization', prefix: 'Bearer ', variable };
}
