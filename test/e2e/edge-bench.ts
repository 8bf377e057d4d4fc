/** What the tests of hostile requests share: a gateway full of secrets, the envelope, and the look at what leaked. */
import { expect } from 'vitest';
import {
  type Gateway,
  openAiDeployment,
  openAiVendor,
  startGateway,
  startVendor,
  type Vendor,
} from '../support/index.ts';
import { exchangeRaw, type RawExchange, type RawOptions, rawRequest } from './edge-raw.ts';

/** None of these may show anywhere but where it was sent. Not all have the shape of a key. */
export const canaries = {
  master: 'sk-canary-master-5f0a77c2',
  vendor: 'CanaryOfTheVendor/9d1e+4b',
  caller: 'CanaryOfTheCaller.77ab',
  content: 'CanaryOfTheContent31c9',
} as const;

export const auth = `authorization: Bearer ${canaries.master}`;

export const chatBody = (more: object = {}): string =>
  JSON.stringify({ model: 'house', messages: [{ role: 'user', content: canaries.content }], ...more });

export const post = (path: string, body: string | Buffer, headers: readonly string[] = []): Buffer =>
  rawRequest(`POST ${path} HTTP/1.1`, [auth, 'content-type: application/json', ...headers], body);

export const postChat = (body: string | Buffer = chatBody(), headers: readonly string[] = []): Buffer =>
  post('/v1/chat/completions', body, headers);

export interface Edge {
  readonly gateway: Gateway;
  readonly vendor: Vendor;
  /** Sends bytes and keeps what came for `findLeaks`. */
  send(bytes: string | Buffer | readonly (string | Buffer)[], options?: RawOptions): Promise<RawExchange>;
  /** Canaries in anything that was sent to clients or logged so far. */
  leaks(): string[];
}

export async function startEdge(
  config: { readonly general_settings?: object; readonly plugins?: readonly object[] } = {},
): Promise<Edge> {
  const vendor = await startVendor(openAiVendor());
  const gateway = await startGateway({
    config: {
      model_list: [openAiDeployment('house', vendor, { api_key: canaries.vendor })],
      ...config,
      general_settings: { master_key: canaries.master, ...config.general_settings },
    },
    args: ['--debug'],
  });
  const seen: string[] = [];
  return {
    gateway,
    vendor,
    async send(bytes, options) {
      const exchange = await exchangeRaw(gateway, bytes, options);
      for (const { head, body } of exchange.replies) seen.push(head, body);
      seen.push(exchange.rest);
      return exchange;
    },
    leaks: () => findLeaks([...seen, gateway.output()]),
  };
}

/** Which canaries stand in the texts. */
export const findLeaks = (texts: readonly string[]): string[] =>
  Object.values(canaries).filter((canary) => texts.some((text) => text.includes(canary)));

export interface ErrorBody {
  readonly message: string;
  readonly type: string;
  readonly param: string | null;
  readonly code: string;
  readonly rutter_code: string;
}

/** The one error of the envelope clients of OpenAI read, checked for its shape. */
export function envelope(text: string): ErrorBody {
  const body = JSON.parse(text) as { readonly error: ErrorBody };
  expect(Object.keys(body)).toEqual(['error']);
  const { message, type, param, code, rutter_code: rutterCode } = body.error;
  expect(message).toMatch(/^\S/);
  expect(type).toMatch(/^\S/);
  expect(param === null || typeof param === 'string').toBe(true);
  expect(code).toMatch(/^[45]\d\d$/);
  expect(rutterCode).toMatch(/^ERR_[A-Z_]+$/);
  return body.error;
}

export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly says: string | RegExp;
  readonly param?: string;
}

/** One answer on the connection, an error as expected, under an id. */
export function expectRefusal({ replies, rest }: RawExchange, { status, code, says, param }: Refusal): void {
  expect(replies).toHaveLength(1);
  expect(rest).toBe('');
  const [reply] = replies;
  expect({ status: reply?.status, body: reply?.body.slice(0, 600) }).toMatchObject({ status });
  const error = envelope(reply?.body ?? '');
  expect(error.code).toBe(String(status));
  expect(error.rutter_code).toBe(code);
  expect(error.message).toMatch(says);
  if (param !== undefined) expect(error.param).toBe(param);
  expect(reply?.headers['content-type']).toBe('application/json');
  expect(reply?.headers['x-request-id']).toMatch(/^[\w.-]{1,128}$/);
}

const mostBytes = 400 * 1024 * 1024;
const mostLagMs = 250;

/** A good request is served, memory is bounded, and the event loop answers at once. */
export async function expectHealthy({ gateway, send }: Pick<Edge, 'gateway' | 'send'>): Promise<void> {
  const good = await send(postChat());
  expect(good.replies[0]?.status).toBe(200);
  const lags: number[] = [];
  for (let count = 0; count < 15; count++) {
    const probe = await send(rawRequest('GET /health/liveliness HTTP/1.1'));
    expect(probe.replies[0]?.status).toBe(200);
    lags.push(probe.ms);
  }
  expect(lags.sort((a, b) => a - b)[7]).toBeLessThan(mostLagMs);
  expect(await gateway.memory()).toBeLessThan(mostBytes);
}
