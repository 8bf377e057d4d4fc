/**
 * AWS credentials that come over the network: roles assumed through STS, the
 * role of a container, the role of a virtual machine (IMDSv2 only).
 */
import { readFile } from 'node:fs/promises';
import { RutterError } from '@rutter/plugin-sdk';
import { type CollectRequest, collect } from '../collect.ts';
import type { Upstream } from '../exchange.ts';
import type { Lived } from './renewable.ts';
import { type AwsCredentials, signRequest } from './sigv4.ts';

export interface AwsNetwork {
  readonly exchange: Upstream;
  now(): number;
  readonly environment: NodeJS.ProcessEnv;
}

export interface Role {
  readonly arn: string;
  readonly sessionName: string;
  readonly externalId: string | undefined;
  readonly region: string | undefined;
  /** Base address of STS, when the deployment names one. */
  readonly endpoint: string | undefined;
}

export const callMs = 10_000;
/** Metadata services are next door: where nothing answers quickly, nothing is there. */
const metadataMs = 2_000;
const containerHost = '169.254.170.2';
const containerHosts = new Set([containerHost, '169.254.170.23', '[fd00:ec2::23]', 'localhost', '[::1]']);

export function assumeRole(network: AwsNetwork, role: Role, base: AwsCredentials): Promise<Lived<AwsCredentials>> {
  const more: Record<string, string> = role.externalId === undefined ? {} : { ExternalId: role.externalId };
  return callSts(network, role, { Action: 'AssumeRole', ...more }, base);
}

export function assumeRoleWithToken(network: AwsNetwork, role: Role, token: string): Promise<Lived<AwsCredentials>> {
  return callSts(network, role, { Action: 'AssumeRoleWithWebIdentity', WebIdentityToken: token }, undefined);
}

async function callSts(
  network: AwsNetwork,
  role: Role,
  fields: Readonly<Record<string, string>>,
  base: AwsCredentials | undefined,
): Promise<Lived<AwsCredentials>> {
  const url = new URL(role.endpoint ?? network.environment.AWS_ENDPOINT_URL_STS ?? stsAddress(role.region));
  const body = new URLSearchParams({
    Version: '2011-06-15',
    RoleArn: role.arn,
    RoleSessionName: role.sessionName,
    ...fields,
  }).toString();
  const headers: Record<string, string> = {
    'content-type': 'application/x-www-form-urlencoded',
    accept: 'application/xml',
  };
  if (base !== undefined) {
    const request = { method: 'POST', host: url.host, path: url.pathname, query: '', headers, body };
    const scope = { credentials: base, region: role.region ?? 'us-east-1', service: 'sts', now: network.now() };
    Object.assign(headers, signRequest(request, scope));
  }
  const reply = await collect(network.exchange, { url: url.href, method: 'POST', headers, body, timeoutMs: callMs });
  const text = reply.body.toString('utf8');
  if (reply.status !== 200) throw refused(`STS at ${url.host}`, reply.status, tag(text, 'Code'));
  return lived(`STS at ${url.host}`, {
    AccessKeyId: tag(text, 'AccessKeyId'),
    SecretAccessKey: tag(text, 'SecretAccessKey'),
    Token: tag(text, 'SessionToken'),
    Expiration: tag(text, 'Expiration'),
  });
}

function stsAddress(region: string | undefined): string {
  if (region === undefined) return 'https://sts.amazonaws.com/';
  return `https://sts.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}/`;
}

/** Text of the first element of this name; STS replies have one credential and no attributes on these. */
const tag = (xml: string, name: string): string | undefined => new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];

/** Undefined when the environment names no container role. */
export async function containerRole(network: AwsNetwork): Promise<Lived<AwsCredentials> | undefined> {
  const { environment } = network;
  const relative = environment.AWS_CONTAINER_CREDENTIALS_RELATIVE_URI;
  const full = environment.AWS_CONTAINER_CREDENTIALS_FULL_URI;
  if (!relative && !full) return undefined;
  const url = URL.parse(relative ? `http://${containerHost}${relative}` : (full as string));
  if (url === null || !(containerHosts.has(url.hostname) || /^127(\.\d+){3}$/.test(url.hostname))) {
    throw new RutterError(
      'ERR_PROVIDER_AUTHENTICATION',
      `AWS_CONTAINER_CREDENTIALS_FULL_URI names ${url === null ? 'no URL' : `the host ${url.hostname}`}. Expected this machine, or the metadata address of ECS or EKS.`,
    );
  }
  const tokenFile = environment.AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE;
  const token = tokenFile ? (await readFile(tokenFile, 'utf8')).trim() : environment.AWS_CONTAINER_AUTHORIZATION_TOKEN;
  const headers: Record<string, string> = token ? { authorization: token } : {};
  return lived(
    'The container metadata service',
    await readJson(network, 'The container metadata service', { url: url.href, headers, timeoutMs: metadataMs }),
  );
}

/** Throws where no metadata service answers. */
export async function machineRole(network: AwsNetwork): Promise<Lived<AwsCredentials>> {
  const who = 'The instance metadata service';
  const base = (network.environment.AWS_EC2_METADATA_SERVICE_ENDPOINT || 'http://169.254.169.254').replace(/\/$/, '');
  const ttl = { 'x-aws-ec2-metadata-token-ttl-seconds': '21600' };
  const token = await readText(network, who, {
    url: `${base}/latest/api/token`,
    method: 'PUT',
    headers: ttl,
    timeoutMs: metadataMs,
  });
  const headers = { 'x-aws-ec2-metadata-token': token };
  const folder = `${base}/latest/meta-data/iam/security-credentials/`;
  const names = await readText(network, who, { url: folder, headers, timeoutMs: metadataMs });
  const role = names.split('\n', 1)[0]?.trim() ?? '';
  if (!/^[\w+=,.@-]{1,128}$/.test(role)) throw new RutterError('ERR_PROVIDER_AUTHENTICATION', `${who} names no role.`);
  return lived(who, await readJson(network, who, { url: folder + role, headers, timeoutMs: metadataMs }));
}

async function readText(network: AwsNetwork, who: string, request: CollectRequest): Promise<string> {
  const reply = await collect(network.exchange, request);
  if (reply.status !== 200) throw refused(who, reply.status, undefined);
  return reply.body.toString('utf8');
}

export async function readJson(
  network: AwsNetwork,
  who: string,
  request: CollectRequest,
): Promise<Record<string, unknown>> {
  const text = await readText(network, who, request);
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // Told below, without the text: it may be a credential.
  }
  throw unreadable(who);
}

/** Credentials in the shape that AWS's local services share. Throws where they are not. */
export function lived(who: string, found: Readonly<Record<string, unknown>>): Lived<AwsCredentials> {
  const { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey, Token: token, Expiration: expiration } = found;
  const expiresAt = typeof expiration === 'string' ? Date.parse(expiration) : Number.POSITIVE_INFINITY;
  if (typeof accessKeyId !== 'string' || typeof secretAccessKey !== 'string' || Number.isNaN(expiresAt))
    throw unreadable(who);
  return {
    value: { accessKeyId, secretAccessKey, sessionToken: typeof token === 'string' ? token : undefined },
    expiresAt,
  };
}

const unreadable = (who: string): RutterError =>
  new RutterError('ERR_PROVIDER_AUTHENTICATION', `${who} sent no credentials that can be read.`);

const refused = (who: string, status: number, code: string | undefined): RutterError =>
  new RutterError(
    'ERR_PROVIDER_AUTHENTICATION',
    `${who} answered ${status}${code === undefined ? '' : ` (${code.slice(0, 64)})`}.`,
  );
