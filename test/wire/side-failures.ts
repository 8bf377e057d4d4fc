/** What goes wrong at each vendor, in its own words, and a client that leaves: every client reads and sees the same. */
import OpenAI from 'openai';
import { expect, it } from 'vitest';
import { openAiClient, sendJson, within } from '../support/index.ts';
import { type Bench, type saying, sendPieces } from './bench-of-sides.ts';
import { type Chunk, replyStreamed, replyWhole, toldIn, user } from './client.ts';
import { type Mode, modes } from './judge.ts';
import type { Matrix } from './matrix.ts';
import { tokens } from './scenarios.ts';
import { eventOf, type FaultName, faultNames, type Side } from './sides/side.ts';
import type { Truth } from './truth.ts';
import { forEverySide } from './vendor-matrix.ts';

interface Expected {
  readonly title: string;
  readonly kind: new (...parameters: never[]) => Error;
  readonly status: number;
  readonly codes: readonly string[];
}

const { AuthenticationError, PermissionDeniedError, NotFoundError, APIError } = OpenAI;
const { BadRequestError, RateLimitError, InternalServerError } = OpenAI;
const expected: Readonly<Record<FaultName, Expected>> = {
  key: { title: 'A wrong key', kind: AuthenticationError, status: 401, codes: ['AUTHENTICATION'] },
  permission: { title: 'No permission', kind: PermissionDeniedError, status: 403, codes: ['PERMISSION'] },
  model: { title: 'No such model', kind: NotFoundError, status: 404, codes: ['NOT_FOUND'] },
  timeout: { title: 'A timeout of the vendor', kind: APIError, status: 408, codes: ['TIMEOUT'] },
  rate: { title: 'A rate limit that says how long to wait', kind: RateLimitError, status: 429, codes: ['RATE_LIMIT'] },
  internal: { title: 'An internal error', kind: InternalServerError, status: 500, codes: ['INTERNAL'] },
  overloaded: {
    title: 'An overloaded vendor',
    kind: InternalServerError,
    status: 503,
    codes: ['OVERLOADED', 'UNAVAILABLE'],
  },
  context: { title: 'A prompt that is too long', kind: BadRequestError, status: 400, codes: ['CONTEXT_WINDOW'] },
  policy: {
    title: 'A prompt against the content policy',
    kind: BadRequestError,
    status: 400,
    codes: ['CONTENT_POLICY'],
  },
};

const chat = { messages: [user('Hello.')] };
const truth: Truth = { text: 'A long story about a ship and her book of routes.', finish: 'stop', tokens };

const asking = (bench: Bench, { group: model }: Side, mode: Mode, signal?: AbortSignal): Promise<unknown> => {
  const client = openAiClient(bench.gateway);
  const options = signal && { signal };
  return mode === 'whole'
    ? client.chat.completions.create({ ...chat, model }, options)
    : client.chat.completions.create({ ...chat, model, stream: true }, options).then(async (stream) => {
        for await (const _ of stream);
      });
};

const thrownBy = (run: Promise<unknown>): Promise<unknown> =>
  run.then(
    () => undefined,
    (error: unknown) => error,
  );

export function describeFailures(bench: () => Bench, matrix: Matrix): void {
  it.each(faultNames.map((name) => ({ name, ...expected[name] })))(
    '$title is the same error from every vendor, whole and streamed',
    async ({ name, title, ...told }) => {
      await forEverySide(async (side) => {
        const fault = side.faults[name];
        const vendor = bench().vendors.get(side)!;
        if (fault === undefined)
          return matrix.note('vendorFailures', title, side.title, await unfailing(bench(), side, name));
        vendor.use(({ response }) => sendJson(response, fault.status, fault.body as object, fault.headers));
        for (const mode of modes) {
          const error = await thrownBy(asking(bench(), side, mode));
          expect(error).toBeInstanceOf(told.kind);
          const { status, code, error: body, headers } = error as InstanceType<typeof OpenAI.APIError>;
          const found = (body as { rutter_code?: string } | undefined)?.rutter_code;
          expect({ status, code }).toEqual({ status: told.status, code: String(told.status) });
          expect(told.codes.map((one) => `ERR_PROVIDER_${one}`)).toContain(found);
          expect(JSON.stringify(body)).not.toContain('1234567890');
          if (name === 'rate') expect(headers?.get('retry-after')).toBe('7');
        }
        matrix.note('vendorFailures', title, side.title, String(told.status));
      });
    },
  );

  it('a failure in the middle of a stream ends it with one error, after what was said', async () => {
    await forEverySide(async (side) => {
      bench()
        .vendors.get(side)!
        .use((exchange) => {
          const pieces = [...side.pieces(truth, exchange.request)];
          return sendPieces(side, [...pieces.slice(0, 6), side.broken])(exchange);
        });
      const chunks: Chunk[] = [];
      const stream = await openAiClient(bench().gateway).chat.completions.create({
        ...chat,
        model: side.group,
        stream: true,
      });
      const error = await thrownBy(
        (async () => {
          for await (const chunk of stream) chunks.push(chunk);
        })(),
      );
      expect(error).toBeInstanceOf(OpenAI.APIError);
      const { text, finish } = toldIn(chunks);
      expect([truth.text?.startsWith(text), text.length > 2, finish]).toEqual([true, true, null]);
      matrix.note('vendorFailures', 'An error in the middle of a stream', side.title, 'one error');
    });
  });
}

/** A vendor without such an error may have a reply for it. */
async function unfailing(bench: Bench, side: Side, name: FaultName): Promise<string> {
  const { blocked, contentType, group } = side;
  if (name !== 'policy' || blocked === undefined) return '–';
  for (const reply of [replyWhole, replyStreamed]) {
    bench.vendors.get(side)!.use((exchange) => {
      if (!side.isStream(exchange.request)) return sendJson(exchange.response, 200, blocked as object);
      return sendPieces({ contentType }, [eventOf(blocked)])(exchange);
    });
    const { told } = await reply(openAiClient(bench.gateway), group, chat);
    expect([told.text, told.finish]).toEqual(['', 'content_filter']);
  }
  return 'a refusal';
}

const times = [1, 2, 3, 4, 5];
const longestMs = 100;

/** Never ends: the client has to leave. */
const endless =
  (side: Side, isSilent: boolean) =>
  (exchange: Parameters<ReturnType<typeof saying>>[0]): void => {
    if (isSilent) return;
    exchange.response.writeHead(200, { 'content-type': side.contentType });
    for (const piece of [...side.pieces(truth, exchange.request)].slice(0, 6)) exchange.response.write(piece);
  };

export function describeLeaving(bench: () => Bench, matrix: Matrix): void {
  // A machine that is busy elsewhere may pause any of the three for longer than that.
  it.each(times)(
    'a client that leaves closes the upstream of every vendor within 100 ms, time %i',
    { retry: 2 },
    async (time) => {
      // One after the other: fifteen at once would be the machine's pauses, not the gateway's.
      for (const [side, vendor] of bench().vendors) {
        const isSilent = time % 2 === 0;
        const before = vendor.requests.length;
        vendor.use(endless(side, isSilent));
        const leaving = new AbortController();
        const end = thrownBy(asking(bench(), side, 'streamed', leaving.signal));
        await vendor.waitForRequests(before + 1);
        if (!isSilent) await new Promise((resolve) => setTimeout(resolve, 20));
        const request = vendor.requests.at(-1)!;
        const leftAt = performance.now();
        leaving.abort();
        await within(`${side.title} to see the end`, request.closed);
        expect((request.abortedAt ?? Number.POSITIVE_INFINITY) - leftAt, side.title).toBeLessThan(longestMs);
        await end;
        matrix.note('vendorFailures', 'A client that leaves', side.title, 'closed');
      }
    },
  );
}
