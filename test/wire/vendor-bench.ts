/**
 * One vendor's plugin in a live gateway, with the vendor at the socket.
 *
 * Each test says what the vendor answers to the model it asks for; the model's
 * name is what tells the exchanges of a file apart.
 */
import { expect } from 'vitest';
import {
  type Gateway,
  type GatewayOptions,
  readEvents,
  startGateway,
  startVendor,
  type Vendor,
  type VendorHandler,
  type VendorRequest,
} from '../support/index.ts';
import type { Chunk } from './client.ts';
import { type Fields, fieldsOf } from './truth.ts';
import { once } from './vendors.ts';

/** What a vendor answers: a whole body, or the pieces of a stream. */
interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly pieces?: readonly string[];
}

/** What a client reads. */
export interface Reading {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Fields;
  /** Of a stream: its chunks, its errors, and whether it was closed as a whole one is. */
  readonly chunks: readonly Chunk[];
  readonly errors: readonly Fields[];
  readonly isDone: boolean;
}

export interface BenchOptions extends Pick<GatewayOptions, 'env'> {
  /** The prefix in `litellm_params.model`. */
  readonly provider: string;
  /** What follows the vendor's address in `api_base`; '' when absent. */
  readonly base?: string;
  /** Content type of streams; server-sent events when absent. */
  readonly streamType?: string;
  /** Further settings of every deployment. */
  readonly params?: Fields;
  /** `general_settings`. */
  readonly settings?: Fields;
}

export interface Bench {
  readonly gateway: Gateway;
  readonly vendor: Vendor;
  /** Has the vendor answer requests for this model so from now on. */
  answers(model: string, answer: Answer | VendorHandler): void;
  /** The last request for this model. */
  asked(model: string): VendorRequest;
  /** Posts to a route; `model` is the vendor's name, `lenient` asks the deployments with `drop_params`. */
  post(path: string, fields: Fields & { readonly model: string }, lenient?: boolean): Promise<Reading>;
  chat(model: string, fields: Fields, lenient?: boolean): Promise<Reading>;
}

const streamed = 'text/event-stream; charset=utf-8';

export async function startBench({
  provider,
  base = '',
  streamType = streamed,
  params,
  settings,
  env,
}: BenchOptions): Promise<Bench> {
  const answers = new Map<string, VendorHandler>();
  const vendor = await startVendor((exchange) => {
    const found = answers.get(modelOf(exchange.request));
    if (found === undefined)
      throw new Error(`No answer for ${exchange.request.path} ${exchange.request.body.toString()}`);
    return found(exchange);
  });
  const entry = (group: string, more: Fields) => ({
    model_name: group,
    litellm_params: { model: `${provider}/*`, api_base: vendor.url + base, api_key: 'vendor-key', ...params, ...more },
  });
  const gateway = await startGateway({
    config: {
      model_list: [entry('strict/*', {}), entry('lenient/*', { drop_params: true })],
      router_settings: once,
      ...(settings && { general_settings: settings }),
    },
    ...(env && { env }),
  });
  const bench: Bench = {
    gateway,
    vendor,
    answers: (model, answer) =>
      void answers.set(model, typeof answer === 'function' ? answer : answering(answer, streamType)),
    asked(model) {
      const found = vendor.requests.findLast((request) => modelOf(request) === model);
      expect(found, `a request for ${model}`).toBeDefined();
      return found as VendorRequest;
    },
    async post(path, { model, ...fields }, lenient = false) {
      const response = await fetch(gateway.url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ ...fields, model: `${lenient ? 'lenient' : 'strict'}/${model}` }),
      });
      return readingOf(response, await response.text());
    },
    chat: (model, fields, lenient) => bench.post('/v1/chat/completions', { ...fields, model }, lenient),
  };
  return bench;
}

const modelOf = ({ json }: VendorRequest): string => String(json?.model);

const answering =
  ({ status = 200, headers = {}, body, pieces }: Answer, streamType = streamed): VendorHandler =>
  async ({ response }) => {
    response.writeHead(status, { 'content-type': pieces ? streamType : 'application/json', ...headers });
    for (const piece of pieces ?? []) await new Promise((resolve) => response.write(piece, resolve));
    response.end(pieces ? undefined : typeof body === 'string' ? body : JSON.stringify(body));
  };

function readingOf(response: Response, text: string): Reading {
  const { status, headers } = response;
  if (!(headers.get('content-type') ?? '').includes('event-stream'))
    return { status, headers, body: JSON.parse(text) as Fields, chunks: [], errors: [], isDone: false };
  const datas = readEvents(text).map(({ data }) => data);
  const objects = datas.filter((data) => data !== '[DONE]').map((data) => JSON.parse(data) as Fields);
  return {
    status,
    headers,
    body: {},
    chunks: objects.filter(({ error }) => error === undefined) as unknown as Chunk[],
    errors: objects.filter(({ error }) => error !== undefined).map(({ error }) => fieldsOf(error)),
    isDone: datas.at(-1) === '[DONE]',
  };
}

/** Server-sent events, one a value; a text stands as it is. */
export const sse = (...events: readonly (string | object)[]): string[] =>
  events.map((event) => `data: ${typeof event === 'string' ? event : JSON.stringify(event)}\n\n`);

/** The choice of a whole reply. */
export function choiceOf({ body }: Reading): Fields {
  const [choice] = body.choices as Fields[];
  return choice ?? {};
}

/** Asks with each field alone: refused by its name, dropped and told where that is allowed, and no other is missing. */
export async function expectUnsupported(bench: Bench, model: string, fields: Fields): Promise<void> {
  const messages = [{ role: 'user', content: 'x' }];
  for (const [name, value] of Object.entries(fields)) {
    const count = bench.vendor.requests.length;
    const refused = await bench.chat(model, { messages, [name]: value });
    expect([refused.status, fieldsOf(refused.body.error)], name).toMatchObject([
      400,
      {
        param: name,
        rutter_code: 'ERR_REQUEST_UNSUPPORTED_PARAMETER',
        message: expect.stringContaining('drop_params: true'),
      },
    ]);
    expect(bench.vendor.requests.length, name).toBe(count);
    const dropped = await bench.chat(model, { messages, [name]: value }, true);
    expect([dropped.status, dropped.headers.get('x-rutter-translation')], name).toEqual([200, `dropped ${name}`]);
    expect(bench.asked(model).json, name).not.toHaveProperty(name);
  }
}

/** A vendor's failing answer, and what the client reads: the status, the code, and what of the message. */
export type FailureCase = readonly [status: number, body: unknown, told: number, code: string, message?: RegExp];

export async function expectFailures(bench: Bench, cases: readonly FailureCase[]): Promise<void> {
  for (const [index, [status, body, told, code, message]] of cases.entries()) {
    const model = `failing-${index}`;
    const where = `${status} ${JSON.stringify(body)}`;
    bench.answers(model, { status, body });
    for (const stream of [false, true]) {
      const { status: found, body: said } = await bench.chat(model, {
        messages: [{ role: 'user', content: 'x' }],
        stream,
      });
      const error = fieldsOf(said.error);
      expect([found, error.rutter_code], where).toEqual([told, code]);
      if (message !== undefined) expect(String(error.message), where).toMatch(message);
    }
  }
}
