/**
 * The identity that Azure gives the machine a gateway runs on.
 *
 * App Service, Functions and Container Apps answer at IDENTITY_ENDPOINT; a
 * virtual machine or Kubernetes node at the instance metadata service.
 * https://learn.microsoft.com/azure/app-service/overview-managed-identity
 * https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
 */
import type { OAuth2Auth } from '@rutter/plugin-sdk';
import type { CollectRequest } from '../collect.ts';

/** The services are next door: where nothing answers quickly, nothing is there. */
const callMs = 5_000;

/** Asks for a token; `clientId` names one of several identities of the machine. */
export function identityRequest(
  { tokenUrl, audience = '' }: OAuth2Auth,
  { IDENTITY_ENDPOINT: endpoint, IDENTITY_HEADER: secret, AZURE_POD_IDENTITY_AUTHORITY_HOST: host }: NodeJS.ProcessEnv,
  clientId: string | undefined,
): CollectRequest {
  const query = { resource: audience, ...(clientId === undefined ? undefined : { client_id: clientId }) };
  if (endpoint && secret) {
    const url = addressOf(endpoint, { 'api-version': '2019-08-01', ...query });
    return { url, headers: { 'x-identity-header': secret }, timeoutMs: callMs };
  }
  const metadata = host ? new URL(new URL(tokenUrl).pathname, host).href : tokenUrl;
  return {
    url: addressOf(metadata, { 'api-version': '2018-02-01', ...query }),
    headers: { metadata: 'true' },
    timeoutMs: callMs,
  };
}

/** Whether the platform says that there is such an identity; a metadata service is only found by asking it. */
export const isIdentityOffered = ({
  IDENTITY_ENDPOINT: endpoint,
  IDENTITY_HEADER: secret,
}: NodeJS.ProcessEnv): boolean => Boolean(endpoint && secret);

const addressOf = (url: string, query: Record<string, string>): string =>
  `${url}${url.includes('?') ? '&' : '?'}${new URLSearchParams(query)}`;
