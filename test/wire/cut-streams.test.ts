/**
 * Streams of each framing cut after every one of their bytes; of codecs that are seen already, and of orderly ends,
 * `npm run test:slow` takes every byte too.
 *
 * Before the first content nobody has been told anything: another try, or a
 * fallback, gives a whole reply. After it the client has read a part, which
 * stays a part: one error follows, and no `[DONE]`. Once the model has
 * finished nothing is missing, and the loss of the connection is no failure.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Gateway,
  readEvents,
  startGateway,
  startVendor,
  type Vendor,
  type VendorHandler,
  within,
} from '../support/index.ts';
import { anthropicEvents } from './anthropic-side.ts';
import { azureEvents } from './azure-side.ts';
import { chunk, frame } from './bedrock-side.ts';
import { geminiEvents } from './gemini-side.ts';
import { openAiEvents } from './openai-side.ts';
import { openRouterEvents } from './openrouter-side.ts';
import { tokens } from './scenarios.ts';
import { type Fields, fieldsOf, listOf, type Truth } from './truth.ts';
import {
  coherePieces,
  deepSeekPieces,
  groqPieces,
  mistralPieces,
  ollamaChatPieces,
  ollamaPieces,
  type Piece,
} from './vendor-pieces.ts';

const truth: Truth = {
  reasoning: 'Hm…',
  text: 'ñ🧭',
  calls: [{ id: 'call_a', name: 'look', input: { é: 1 } }],
  finish: 'tool_calls',
  tokens,
};

/** A cut is made on the first try of a model named `MANNER-BYTES`; any other is answered whole. */
const cutName = /^(reset|end)-(\d+)$/;
/** Vertex AI tells by the name whose model it is. */
const claude = 'claude-';

const dataOf = (text: string): Fields => {
  const [event] = readEvents(text);
  return event?.data.startsWith('{') ? (JSON.parse(event.data) as Fields) : {};
};

function openAiPiece(text: string): Piece {
  const [choice = {}] = listOf(dataOf(text).choices);
  const { content, reasoning_content: told, reasoning = told, tool_calls: calls } = fieldsOf(choice.delta ?? {});
  return {
    bytes: Buffer.from(text),
    isContent: Boolean(content || reasoning || calls),
    isFinish: typeof choice.finish_reason === 'string',
  };
}

function anthropicPiece(text: string): Piece {
  const { type, delta, content_block: block } = dataOf(text);
  const { text: words, thinking } = fieldsOf(delta ?? {});
  const isContent = Boolean(words || thinking) || fieldsOf(block ?? {}).type === 'tool_use';
  return { bytes: Buffer.from(text), isContent, isFinish: type === 'message_delta' };
}

const converseEvents: readonly (readonly [string, object])[] = [
  ['messageStart', { role: 'assistant' }],
  ['contentBlockDelta', { contentBlockIndex: 0, delta: { reasoningContent: { text: truth.reasoning } } }],
  ['contentBlockDelta', { contentBlockIndex: 1, delta: { text: 'ñ' } }],
  ['contentBlockDelta', { contentBlockIndex: 1, delta: { text: '🧭' } }],
  ['contentBlockStart', { contentBlockIndex: 2, start: { toolUse: { toolUseId: 'call_a', name: 'look' } } }],
  ['contentBlockDelta', { contentBlockIndex: 2, delta: { toolUse: { input: '{"é"' } } }],
  ['contentBlockDelta', { contentBlockIndex: 2, delta: { toolUse: { input: ':1}' } } }],
  ['contentBlockStop', { contentBlockIndex: 2 }],
  ['messageStop', { stopReason: 'tool_use' }],
  ['metadata', { usage: { inputTokens: 9, outputTokens: 9 } }],
];

const conversePiece = ([event, payload]: (typeof converseEvents)[number]): Piece => ({
  bytes: frame(event, payload),
  isContent: event.startsWith('contentBlock'),
  isFinish: event === 'messageStop',
});

/** The events of the Messages API, each in a frame. */
const invokePiece = (text: string): Piece => ({ ...anthropicPiece(text), bytes: chunk(dataOf(text)) });

/** Calls come whole, so that there is more text; usage comes behind the finish, so that something can be lost there. */
function geminiPieces(): Piece[] {
  const spoken = { ...truth, reasoning: 'Hm…so', text: 'ñ🧭 naïve' };
  const texts = [...geminiEvents(spoken, 'm')].map((text) => text.replaceAll('\r\n', '\n'));
  const { usageMetadata, ...last } = dataOf(texts.at(-1)!);
  const pieces = [...texts.slice(0, -1).map(dataOf), last, { usageMetadata }];
  return pieces.map((payload) => {
    const [candidate = {}] = listOf(payload.candidates);
    const parts = listOf(fieldsOf(candidate.content ?? {}).parts);
    return {
      bytes: Buffer.from(`data: ${JSON.stringify(payload)}\n\n`),
      isContent: parts.some(({ text, functionCall: call }) => Boolean(text || call)),
      isFinish: candidate.finishReason !== undefined,
    };
  });
}

interface Side {
  readonly prefix: string;
  /** `provider/` and what else stands before the model's name. */
  readonly model: string;
  readonly pieces: readonly Piece[];
  readonly contentType: string;
  /** The codec is one of the others': then each fifth byte will do, and all near the ends of events. */
  readonly isShared?: true;
}

const sse = 'text/event-stream';
const frames = 'application/vnd.amazon.eventstream';
const lines = 'application/x-ndjson';
/** Bytes of the mark that ends an event, which may be missing where the stream ends in order. */
const endMarks: Readonly<Record<string, number>> = { [sse]: 2, [lines]: 1 };
const openAiPieces = [...openAiEvents(truth, 'm', true)].map(openAiPiece);
const shared = (prefix: string, model: string, pieces: readonly Piece[]): Side => ({
  prefix,
  model,
  pieces,
  contentType: sse,
  isShared: true,
});
const sharing: Readonly<Record<string, Side>> = {
  'Gemini at Vertex AI': shared('vg', 'vertex_ai/', geminiPieces()),
  'Claude at Vertex AI': shared(
    'vc',
    `vertex_ai/${claude}`,
    [...anthropicEvents(truth, { model: 'm' })].map(anthropicPiece),
  ),
  vLLM: shared('vl', 'hosted_vllm/', openAiPieces),
  'Together AI': shared('to', 'together_ai/', openAiPieces),
  xAI: shared('xa', 'xai/', openAiPieces),
};
const sides: Readonly<Record<string, Side>> = {
  OpenAI: {
    prefix: 'oa',
    model: 'openai/',
    pieces: openAiPieces,
    contentType: sse,
  },
  Anthropic: {
    prefix: 'an',
    model: 'anthropic/',
    pieces: [...anthropicEvents(truth, { model: 'm' })].map(anthropicPiece),
    contentType: sse,
  },
  Azure: {
    prefix: 'az',
    model: 'azure/',
    pieces: [...azureEvents(truth, 'm', true)].map(openAiPiece),
    contentType: sse,
  },
  OpenRouter: {
    prefix: 'or',
    model: 'openrouter/',
    pieces: [...openRouterEvents(truth, 'm', true)].map(openAiPiece),
    contentType: sse,
  },
  Mistral: { prefix: 'mi', model: 'mistral/', pieces: mistralPieces, contentType: sse },
  Groq: { prefix: 'gr', model: 'groq/', pieces: groqPieces, contentType: sse },
  DeepSeek: { prefix: 'ds', model: 'deepseek/', pieces: deepSeekPieces, contentType: sse },
  Cohere: { prefix: 'ch', model: 'cohere/', pieces: coherePieces, contentType: sse },
  'Ollama’s chat': { prefix: 'oc', model: 'ollama_chat/', pieces: ollamaChatPieces, contentType: lines },
  'Ollama’s generate': { prefix: 'ol', model: 'ollama/', pieces: ollamaPieces, contentType: lines },
  Gemini: { prefix: 'ge', model: 'gemini/', pieces: geminiPieces(), contentType: sse },
  Converse: { prefix: 'co', model: 'bedrock/', pieces: converseEvents.map(conversePiece), contentType: frames },
  InvokeModel: {
    prefix: 'in',
    model: 'bedrock/invoke/',
    pieces: [...anthropicEvents(truth, { model: 'm' })].map(invokePiece),
    contentType: frames,
  },
  ...sharing,
};

/** The events that have come whole. At a proper end one that closes the reply may lack the mark after it. */
function wholeEvents({ pieces, contentType }: Side, bytes: number, manner: 'reset' | 'end'): readonly Piece[] {
  const whole: Piece[] = [];
  let sum = 0;
  for (const piece of pieces) {
    sum += piece.bytes.length;
    const closes = piece.isFinish || whole.some(({ isFinish }) => isFinish);
    if (sum > bytes + (manner === 'end' && closes ? (endMarks[contentType] ?? 0) : 0)) break;
    whole.push(piece);
  }
  return whole;
}

const sizeOf = (pieces: readonly Piece[]) => pieces.reduce((sum, { bytes }) => sum + bytes.length, 0);

/** Requests of each vendor, by model. */
const tries = new Map(Object.values(sides).map(({ prefix }) => [prefix, new Map<string, number>()] as const));

const cutting =
  ({ prefix, pieces, contentType }: Side): VendorHandler =>
  async ({ request, response, socket }) => {
    const named = String(request.json?.model ?? /\/models?\/([^/:]+)/.exec(request.path)?.[1]);
    const model = named.startsWith(claude) ? named.slice(claude.length) : named;
    const [, manner, bytes] = cutName.exec(model) ?? [];
    const all = Buffer.concat(pieces.map((piece) => piece.bytes));
    const count = (tries.get(prefix)?.get(model) ?? 0) + 1;
    tries.get(prefix)?.set(model, count);
    response.writeHead(200, { 'content-type': contentType });
    response.flushHeaders();
    const part = all.subarray(0, bytes === undefined || count > 1 ? all.length : Number(bytes));
    if (part.length > 0) await new Promise((resolve) => response.write(part, resolve));
    if (manner === 'reset' && count === 1) socket.destroy();
    else response.end();
  };

let gateway: Gateway;
let vendors: Vendor[];

beforeAll(async () => {
  vendors = await Promise.all(Object.values(sides).map((side) => startVendor(cutting(side))));
  const entries = Object.values(sides).flatMap(({ prefix, model }, index) => {
    const base = vendors[index]!.url + (prefix === 'oa' ? '/v1' : '');
    const entry = (name: string, params: object = {}) => ({
      model_name: `${prefix}/${name}`,
      litellm_params: {
        model: model + name,
        api_base: base,
        api_key: 'sk-vendor',
        ...(model.startsWith('vertex_ai/') && { vertex_project: 'p', vertex_location: 'global' }),
        ...params,
      },
    });
    // Twice the same: a group of two tries again at once.
    return [entry('reset-*'), entry('reset-*'), entry('end-*', { num_retries: 0 }), entry('whole')];
  });
  gateway = await startGateway({
    config: {
      model_list: entries,
      router_settings: { num_retries: 2, disable_cooldowns: true },
      general_settings: { retry_budget: 100 },
    },
  });
});
afterAll(() => gateway?.stop());

interface Read {
  readonly status: number;
  /** The chunks, without what differs from request to request. */
  readonly chunks: readonly string[];
  readonly errors: readonly Fields[];
  readonly isDone: boolean;
  readonly fallbacks: string | null;
  readonly retries: string | null;
}

async function read(model: string, fallback: string): Promise<Read> {
  const body = {
    model,
    messages: [{ role: 'user', content: 'Go.' }],
    stream: true,
    stream_options: { include_usage: true },
    fallbacks: [fallback],
  };
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const datas = readEvents(await response.text()).map(({ data }) => data);
  const objects = datas.filter((data) => data !== '[DONE]').map((data) => JSON.parse(data) as Fields);
  const isDone = datas.includes('[DONE]');
  if (isDone) expect(datas.at(-1)).toBe('[DONE]');
  return {
    status: response.status,
    chunks: objects
      .filter(({ error }) => error === undefined)
      .map(({ choices, usage }) => JSON.stringify({ choices, usage })),
    errors: objects.filter(({ error }) => error !== undefined).map(({ error }) => fieldsOf(error)),
    isDone,
    fallbacks: response.headers.get('x-litellm-attempted-fallbacks'),
    retries: response.headers.get('x-litellm-attempted-retries'),
  };
}

/** Runs so many at once that the machine is busy, and no more. */
async function each<T>(items: readonly T[], run: (item: T) => Promise<void>): Promise<void> {
  const waiting = items.values();
  await Promise.all(
    Array.from({ length: 24 }, async () => {
      for (const item of waiting) await run(item);
    }),
  );
}

const isSlowRun = process.env.RUTTER_TEST_SLOW === '1';

describe.each(Object.entries(sides))('a stream of %s', (_name, side) => {
  const { prefix, pieces, isShared = false } = side;
  const everyByte = Array.from({ length: sizeOf(pieces) }, (_, bytes) => bytes);
  const borders = [...pieces.map((_, index) => sizeOf(pieces.slice(0, index))), everyByte.length];
  // What is lost is the same in both manners; how it ends differs at the borders of events.
  const nearBorders = everyByte.filter((bytes) => bytes % 5 === 0 || borders.some((at) => Math.abs(at - bytes) < 5));
  const some = isSlowRun ? everyByte : nearBorders;

  it.each([
    { manner: 'reset' as const, how: 'loses its connection', offsets: isShared ? some : everyByte },
    { manner: 'end' as const, how: 'is ended', offsets: some },
  ])(
    'is mended, or ends in one error, after whichever byte it $how',
    async ({ manner, offsets }) => {
      const whole = await read(`${prefix}/whole`, 'none');
      expect(whole).toMatchObject({ status: 200, isDone: true, errors: [] });
      expect(whole.chunks.length).toBeGreaterThan(7);
      const seen = { mended: 0, broken: 0, complete: 0 };

      await each(offsets, async (bytes) => {
        const model = `${manner}-${bytes}`;
        const where = `${model} of ${prefix}`;
        const got = await within(where, read(`${prefix}/${model}`, `${prefix}/whole`), 20_000);
        const sent = wholeEvents(side, bytes, manner);
        expect(got.status, where).toBe(200);
        expect(whole.chunks.slice(0, got.chunks.length), where).toEqual(got.chunks);
        if (sent.some(({ isFinish }) => isFinish)) {
          seen.complete++;
          expect(got, where).toMatchObject({ isDone: true, errors: [] });
          // Only the usage that comes behind the finish may be missing.
          expect(whole.chunks.length - got.chunks.length, where).toBeLessThanOrEqual(1);
        } else if (sent.some(({ isContent }) => isContent)) {
          seen.broken++;
          expect(got.isDone, where).toBe(false);
          expect(got.errors, where).toEqual([
            expect.objectContaining({ rutter_code: 'ERR_PROVIDER_STREAM', code: '502' }),
          ]);
          expect(got.chunks.length, where).toBeGreaterThan(0);
          expect(tries.get(prefix)?.get(model), where).toBe(1);
        } else {
          seen.mended++;
          expect(got, where).toMatchObject({ isDone: true, errors: [] });
          expect(got.chunks.length, where).toBe(whole.chunks.length);
          expect([got.retries, got.fallbacks], where).toEqual(manner === 'reset' ? ['1', '0'] : ['0', '1']);
        }
      });
      const finish = pieces.findIndex(({ isFinish }) => isFinish);
      const { complete, ...others } = seen;
      for (const [kind, count] of Object.entries(others)) expect(count, kind).toBeGreaterThan(10);
      // Where nothing follows the finish, only its end mark can be cut off a complete reply.
      expect(complete).toBeGreaterThanOrEqual(finish + 1 < pieces.length ? 8 : manner === 'end' ? 1 : 0);
    },
    isSlowRun ? 600_000 : 60_000,
  );
});

it('leaves no call running behind it', async () => {
  const all = vendors.flatMap(({ requests }) => requests.map(({ closed }) => closed));
  await within('the last answers to end', Promise.all(all));
  expect(all.length).toBeGreaterThan(2_000);
});
