/** Response headers: the `x-litellm-` family that clients read, and our own. */
import type { ReplySummary } from '../../contract/wire.ts';

const maxLength = 1024;
const invisible = /[^\x20-\x7e]/g;

/** An exact decimal of integer nano-dollars, `0.000123` for 123,000. */
export function decimalUsd(nanoUsd: number): string {
  const digits = String(Math.abs(nanoUsd)).padStart(10, '0');
  const fraction = digits.slice(-9).replace(/0+$/, '');
  const sign = nanoUsd < 0 ? '-' : '';
  return `${sign}${digits.slice(0, -9)}${fraction === '' ? '' : `.${fraction}`}`;
}

/** Only visible ASCII may stand in a header; the rest becomes `?`. */
const visible = (value: string): string => {
  const short = value.length > maxLength ? value.slice(0, maxLength) : value;
  return invisible.test(short) ? short.replace(invisible, '?') : short;
};

function withoutQuery(address: string): string {
  const end = address.search(/[?#]/);
  const plain = end === -1 ? address : address.slice(0, end);
  // A password in the address is a secret, wherever it stands.
  return plain.replace(/^([a-z]+:\/\/)[^/@]*@/i, '$1');
}

export function writeHeaders(summary: ReplySummary): Record<string, string> {
  const headers: Record<string, string> = {};
  const add = (name: string, value: string | number | undefined) => {
    if (value !== undefined && value !== '') headers[name] = typeof value === 'number' ? String(value) : visible(value);
  };
  const { deployment, context, vendorHeaders } = summary;
  const cost = summary.cacheHit ? 0 : summary.costNanoUsd;
  const usd = cost === undefined ? undefined : decimalUsd(cost);
  add('x-litellm-call-id', context.id);
  add('x-litellm-version', summary.version);
  add('x-litellm-model-group', summary.group);
  add('x-litellm-model-id', deployment?.id);
  if (deployment?.apiBase !== undefined) add('x-litellm-model-api-base', withoutQuery(deployment.apiBase));
  add('x-litellm-response-cost', usd);
  add('x-litellm-response-duration-ms', Math.round(summary.durationMs * 1000) / 1000);
  add('x-litellm-overhead-duration-ms', Math.round(summary.overheadMs * 1000) / 1000);
  add('x-litellm-attempted-retries', summary.retries);
  add('x-litellm-max-retries', summary.maxRetries);
  add('x-litellm-attempted-fallbacks', summary.fallbacks);
  add('x-litellm-max-fallbacks', summary.maxFallbacks);
  if (summary.timeoutMs !== undefined) add('x-litellm-timeout', summary.timeoutMs / 1000);
  add('x-rutter-route', summary.route);
  add('x-rutter-deployment', deployment?.id);
  add('x-rutter-provider', deployment?.provider);
  add('x-rutter-attempts', summary.attempts.length);
  add('x-rutter-cost', usd);
  if (summary.cacheHit) add('x-rutter-cache', 'hit');
  for (const name in vendorHeaders) {
    add(`llm_provider-${name}`, vendorHeaders[name]);
    if (name.startsWith('x-ratelimit-')) add(name, vendorHeaders[name]);
  }
  return headers;
}
