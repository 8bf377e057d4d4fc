/** The AWS region a request is signed for. */
import { authenticationFailure, type CredentialLookup, textSetting } from './settings.ts';

/** `service.region.amazonaws.com`, also with FIPS, dual-stack and VPC endpoints before it. */
const awsHost = /(?:^|\.)([a-z]{2}(?:-[a-z]+)+-\d+)\.(?:vpce\.)?(?:amazonaws\.com(?:\.cn)?|api\.aws)$/;
const arnRegion = /arn:aws[a-z-]*:[a-z0-9-]+:([a-z]{2}(?:-[a-z]+)+-\d+):/;

/**
 * From the setting, else the address, else the environment. The address goes
 * ahead of the environment: a host of one region refuses signatures for another.
 */
export function namedRegion(
  credentials: CredentialLookup,
  url: URL,
  environment: NodeJS.ProcessEnv,
): string | undefined {
  return (
    textSetting(credentials, 'aws_region_name') ??
    awsHost.exec(url.hostname)?.[1] ??
    (environment.AWS_REGION_NAME || environment.AWS_REGION || environment.AWS_DEFAULT_REGION || undefined)
  );
}

/** From an ARN in the path, such as that of an inference profile. */
export function arnRegionOf(url: URL): string | undefined {
  if (!url.pathname.includes('arn')) return undefined;
  return arnRegion.exec(url.pathname.replaceAll('%3A', ':').replaceAll('%3a', ':'))?.[1];
}

/** Stands in an address for the region, where a provider's differs by nothing else. */
const regionPlace = '{region}';
const regionName = /^[a-z0-9-]{1,40}$/;

export const lacksRegion = (url: URL): boolean => url.hostname.includes(regionPlace);

/** The address of one region. What the region names becomes part of a host, so nothing else may stand in it. */
export function inRegion(url: URL, region: string, credentials: CredentialLookup): URL {
  if (!regionName.test(region))
    throw authenticationFailure(
      credentials,
      `the AWS region is ${JSON.stringify(region.slice(0, 40))}, expected a name such as eu-west-1.`,
    );
  return new URL(url.href.replace(url.hostname, url.hostname.replaceAll(regionPlace, region)));
}
