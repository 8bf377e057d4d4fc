/**
 * Takes a deployment's own secrets out of what its vendor says: some repeat
 * the key they were sent, in errors and in headers.
 */
import { RutterError } from '@rutter/plugin-sdk';
import type { DeploymentSettings } from '../config/types.ts';
import { credentialHeaders } from '../http/credentials.ts';
import { revealSecret } from '../upstream/secret.ts';

const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'set-cookie',
  'content-length',
  'content-encoding',
]);

const mask = '[redacted]';
/** Shorter values stand in ordinary words. */
const shortest = 8;

export class Scrubber {
  readonly #secrets: readonly string[];

  constructor({ apiKey, secrets, extraHeaders }: Pick<DeploymentSettings, 'apiKey' | 'secrets' | 'extraHeaders'>) {
    const hidden = apiKey === undefined ? Object.values(secrets) : [apiKey, ...Object.values(secrets)];
    const sent = Object.entries(extraHeaders).flatMap(([name, value]) =>
      credentialHeaders.has(name.toLowerCase()) ? [value.replace(/^(?:bearer|basic) /i, '')] : [],
    );
    this.#secrets = [...hidden.map(revealSecret), ...sent].filter(({ length }) => length >= shortest);
  }

  #isIn(text: string): boolean {
    for (const secret of this.#secrets) if (text.includes(secret)) return true;
    return false;
  }

  /** The text without the deployment's own secrets. */
  text(text: string): string {
    return this.#clean(text);
  }

  #clean(text: string): string {
    return this.#secrets.reduce((cleaned, secret) => cleaned.replaceAll(secret, mask), text);
  }

  /** The same error where nothing is to be hidden. */
  error(error: RutterError): RutterError {
    const vendor = error.vendor === undefined ? '' : JSON.stringify(error.vendor);
    if (!this.#isIn(error.message) && !this.#isIn(vendor)) return error;
    const { code, status, retry, expose, retryAfterMs, param, headers } = error;
    return new RutterError(code, this.#clean(error.message), {
      ...{ status, retry, expose, retryAfterMs, param, headers },
      vendor: vendor === '' ? undefined : cleaned(vendor, (text) => this.#clean(text)),
    });
  }

  /** What a vendor's headers may tell: without those of the connection (RFC 9110 §7.6.1), cookies, and what repeats a secret. */
  headers(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
    const kept: Record<string, string> = {};
    for (const name in headers) {
      const value = headers[name] as string;
      if (!hopByHop.has(name) && !this.#isIn(value)) kept[name] = value;
    }
    return kept;
  }
}

function cleaned(json: string, clean: (text: string) => string): Record<string, unknown> {
  return JSON.parse(json, (_key, value: unknown) => (typeof value === 'string' ? clean(value) : value)) as Record<
    string,
    unknown
  >;
}
