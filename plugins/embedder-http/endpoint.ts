/** One exchange with the endpoint, tried again where that can help, under one deadline. */
import { type Host, type HostResponse, RutterError, type Secret } from '@rutter/plugin-sdk';
import { readVectors } from './reply.ts';

export interface Endpoint {
  readonly url: string;
  readonly key: Secret | undefined;
  readonly model: string;
  readonly dimensions: number;
  readonly sendsDimensions: boolean;
  readonly timeoutMs: number;
  readonly retries: number;
}

const firstPauseMs = 200;
const longestPauseMs = 5_000;
const mostBytes = 64 * 1024 * 1024;

/** What a failed exchange says, bounded and without what was sent. */
async function failure(response: HostResponse): Promise<RutterError> {
  const text = await response.text().catch(() => '');
  let said = '';
  try {
    const { error } = JSON.parse(text) as { error?: { message?: unknown } | string };
    said = String(typeof error === 'object' ? error.message : (error ?? ''));
  } catch {
    // What is no JSON says nothing that could be relied on.
  }
  const about = said === '' ? '' : `: ${said.slice(0, 300)}`;
  return new RutterError(
    'ERR_PLUGIN_FAILED',
    `The embeddings endpoint answered with status ${response.status}${about}`,
  );
}

const pauseMs = (response: HostResponse | undefined, attempt: number) => {
  const asked = Number(response?.headers['retry-after']) * 1000;
  return Math.min(longestPauseMs, asked > 0 ? asked : firstPauseMs * 2 ** attempt);
};

const canHelp = (status: number) => status === 408 || status === 429 || status >= 500;

/** Rejects with ERR_PLUGIN_FAILED, ERR_PLUGIN_TIMEOUT, ERR_PROVIDER_MALFORMED, or what the kernel's fetch says. */
export async function askVectors(
  { fetch, clock }: Pick<Host, 'fetch' | 'clock'>,
  endpoint: Endpoint,
  texts: readonly string[],
): Promise<Float32Array[]> {
  const { url, key, model, dimensions, sendsDimensions, timeoutMs, retries } = endpoint;
  const until = clock.monotonic() + timeoutMs;
  const body = JSON.stringify({
    ...{ model, input: texts, encoding_format: 'float' },
    ...(sendsDimensions ? { dimensions } : {}),
  });
  const headers = {
    'content-type': 'application/json',
    ...(key ? { authorization: { prefix: 'Bearer ', secret: key } } : {}),
  };
  for (let attempt = 0; ; attempt++) {
    const leftMs = until - clock.monotonic();
    if (leftMs <= 0)
      throw new RutterError('ERR_PLUGIN_TIMEOUT', `The embeddings endpoint gave no vectors within ${timeoutMs} ms.`);
    const isLast = attempt >= retries;
    let response: HostResponse | undefined;
    try {
      response = await fetch(url, { method: 'POST', headers, body, timeoutMs: leftMs, maxBytes: mostBytes });
    } catch (error) {
      const canRetry = RutterError.is(error) && error.code.startsWith('ERR_PROVIDER_') && error.retry !== 'never';
      if (isLast || !canRetry) throw error;
    }
    if (response?.status === 200) return readVectors(await response.json(), texts.length, dimensions);
    if (response && (isLast || !canHelp(response.status))) throw await failure(response);
    await clock.sleep(Math.min(pauseMs(response, attempt), Math.max(0, until - clock.monotonic())));
  }
}
