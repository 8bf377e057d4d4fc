/** Response headers: the `x-litellm-` family that clients read, and our own. */
import type { ReplySummary } from '../../contract/wire.ts';

const maxLength = 1024;

/** An exact decimal of integer nano-dollars, `0.000123` for 123,000. */
export function decimalUsd(nanoUsd: number): string {
  const digits = String(Math.abs(nanoUsd)).padStart(10, '0');
  const fraction = digits.slice(-9).replace(/0+$/, '');
  const sign = nanoUsd < 0 ? '-' : '';
  return `${sign}${digits.slice(0, -9)}${fraction === '' ? '' : `.${fraction}`}`;
}

const short = (value: string): string => (value.length > maxLength ? value.slice(0, maxLength) : value);

function withoutQuery(address: string): string {
  const end = address.search(/[?#]/);
  const plain = end === -1 ? address : address.slice(0, end);
  // A password in the address is a secret, wherever it stands.
  return plain.replace(/^([a-z]+:\/\/)[^/@]*@/i, '$1');
}

/** Vendors send the same few names again and again. */
const prefixed = new Map<string, string>();
const mostPrefixed = 1000;

function vendorName(name: string): string {
  let found = prefixed.get(name);
  if (found === undefined) {
    found = `llm_provider-${name}`;
    if (prefixed.size < mostPrefixed) prefixed.set(name, found);
  }
  return found;
}

/** To a microsecond, from integers: spelling a fraction costs ten times as much. */
function milliseconds(ms: number): string {
  const all = Math.round(ms * 1000);
  const whole = Math.floor(all / 1000);
  const rest = all - whole * 1000;
  if (rest === 0) return String(whole);
  if (rest % 100 === 0) return `${whole}.${rest / 100}`;
  return rest % 10 === 0
    ? `${whole}.${String(rest / 10).padStart(2, '0')}`
    : `${whole}.${String(rest).padStart(3, '0')}`;
}

/** Base addresses are few and stay. */
const shownBases = new Map<string, string>();

function shownBase(address: string): string {
  let shown = shownBases.get(address);
  if (shown === undefined) {
    shown = short(withoutQuery(address));
    if (shownBases.size < mostPrefixed) shownBases.set(address, shown);
  }
  return shown;
}

/** What the cost is made of, where something was taken off or put on. */
function writeCostParts(headers: string[], { cost, marginShare }: ReplySummary, usd: string): void {
  if (cost === undefined) return;
  const { nanoUsd, originalNanoUsd, discountNanoUsd, marginNanoUsd } = cost;
  headers.push('x-litellm-response-cost-original', originalNanoUsd === nanoUsd ? usd : decimalUsd(originalNanoUsd));
  if (discountNanoUsd !== 0) headers.push('x-litellm-response-cost-discount-amount', decimalUsd(discountNanoUsd));
  if (marginNanoUsd === 0) return;
  headers.push('x-litellm-response-cost-margin-amount', decimalUsd(marginNanoUsd));
  if (marginShare) headers.push('x-litellm-response-cost-margin-percent', String(marginShare));
}

/** On every reply, name after value: see `Dialect.headers`. */
export function writeHeaders(summary: ReplySummary): string[] {
  const { deployment, context, vendorHeaders, group } = summary;
  const cost = summary.cacheHit ? 0 : summary.costNanoUsd;
  const headers = [
    'x-litellm-call-id',
    context.id,
    'x-litellm-version',
    summary.version,
    'x-litellm-response-duration-ms',
    milliseconds(summary.durationMs),
    'x-litellm-overhead-duration-ms',
    milliseconds(summary.overheadMs),
    'x-litellm-attempted-retries',
    String(summary.retries),
    'x-litellm-max-retries',
    String(summary.maxRetries),
    'x-litellm-attempted-fallbacks',
    String(summary.fallbacks),
    'x-litellm-max-fallbacks',
    String(summary.maxFallbacks),
    'x-rutter-attempts',
    String(summary.attempts.length),
  ];
  if (group !== '') headers.push('x-litellm-model-group', short(group));
  if (summary.route !== '') headers.push('x-rutter-route', short(summary.route));
  if (summary.timeoutMs !== undefined) headers.push('x-litellm-timeout', String(summary.timeoutMs / 1000));
  if (summary.cacheHit) headers.push('x-rutter-cache', 'hit');
  if (cost !== undefined) {
    const usd = decimalUsd(cost);
    headers.push('x-litellm-response-cost', usd, 'x-rutter-cost', usd);
    writeCostParts(headers, summary, usd);
  }
  if (deployment !== undefined) {
    const id = short(deployment.id);
    headers.push('x-litellm-model-id', id, 'x-rutter-deployment', id, 'x-rutter-provider', short(deployment.provider));
    if (deployment.apiBase !== undefined) headers.push('x-litellm-model-api-base', shownBase(deployment.apiBase));
  }
  for (const name in vendorHeaders) {
    const value = vendorHeaders[name];
    if (value === undefined || value === '') continue;
    const told = short(value);
    headers.push(vendorName(name), told);
    if (name.startsWith('x-ratelimit-')) headers.push(name, told);
  }
  return headers;
}
