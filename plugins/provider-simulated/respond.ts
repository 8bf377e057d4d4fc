/** What the vendor's end of the line would do with a request. */
import type { Clock, UpstreamCall } from '@rutter/plugin-sdk';
import { estimateTokens } from '@rutter/plugin-sdk/codecs';
import { answerTo, usageOf } from './answer.ts';
import { hashOf } from './chance.ts';
import { asString, isObject, type WireObject } from './fields.ts';
import { type Script, scriptOf } from './script.ts';
import type { Settings } from './settings.ts';
import { type Pace, streamed, wholeBody } from './stream.ts';
import { base64Of, vectorOf } from './vectors.ts';
import { type Envelope, errorBody, pieces, wholeReply } from './wire.ts';

const maxChoices = 16;
const maxPrompts = 2_048;

interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: AsyncIterable<Uint8Array>;
}

interface Scene {
  readonly settings: Settings;
  readonly failures: (model: string, script: Script) => boolean;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export async function respond(request: UpstreamCall, { settings, failures, clock, signal }: Scene): Promise<Reply> {
  const startedMs = clock.monotonic();
  const body = parse(request.body);
  const operation = operations.find(([path]) =>
    new URL(request.path, 'https://simulated.invalid').pathname.endsWith(path),
  )?.[1];
  const plain: Pace = { clock, signal, script: {}, startedMs };
  if (body === undefined) return refuse(400, 'The body is no JSON object.', plain);
  if (operation === undefined) return refuse(404, `The simulated provider has nothing at ${request.path}.`, plain);
  const model = asString(body.model);
  let script: Script;
  try {
    const own = settings.scriptedByRequest ? scriptOf(body) : {};
    script = { ...settings.defaults, ...(Object.hasOwn(settings.models, model) && settings.models[model]), ...own };
  } catch (error) {
    return refuse(400, (error as Error).message, plain);
  }
  const pace: Pace = { clock, signal, script, startedMs };
  if (script.latencyMs !== undefined && script.latencyMs > 0) await clock.sleep(script.latencyMs, signal);
  if (failures(model, script)) return fail(pace);
  return operation(body, pace, settings);
}

const operations: readonly (readonly [
  string,
  (body: WireObject, pace: Pace, settings: Settings) => Reply | Promise<Reply>,
])[] = [
  ['/chat/completions', (body, pace) => converse('chat', body, pace)],
  ['/completions', (body, pace) => converse('completions', body, pace)],
  ['/embeddings', embed],
];

function parse(bytes: Uint8Array): WireObject | undefined {
  try {
    const body: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return isObject(body) ? body : undefined;
  } catch {
    return undefined;
  }
}

const json = { 'content-type': 'application/json' };

function refuse(status: number, message: string, pace: Pace): Reply {
  return { status, headers: json, body: wholeBody(errorBody(message, null, status), pace) };
}

function fail({ script, ...pace }: Pace): Reply {
  const { errorStatus: status = 500, errorMessage = `The simulated model fails with ${status}, as its script says.` } =
    script;
  const headers =
    script.retryAfterSeconds === undefined ? json : { ...json, 'retry-after': `${script.retryAfterSeconds}` };
  return {
    status,
    headers,
    body: wholeBody(errorBody(errorMessage, script.errorCode ?? null, status), { ...pace, script: {} }),
  };
}

async function converse(kind: Envelope['kind'], body: WireObject, pace: Pace): Promise<Reply> {
  const { clock, script, signal, startedMs } = pace;
  const choices = Math.min(maxChoices, Math.max(1, Math.floor(Number(body.n ?? 1)) || 1));
  const bodies = kind === 'chat' ? [body] : onePromptEach(body);
  if (bodies.length > maxPrompts)
    return refuse(400, `prompt has ${bodies.length} entries; expected ${maxPrompts} at most.`, pace);
  const answers = bodies.flatMap((one) =>
    Array.from({ length: choices }, (_, choice) => answerTo(one, script, choice)),
  );
  const usage = usageOf(body, script, answers);
  const envelope: Envelope = {
    id: `${kind === 'chat' ? 'chatcmpl' : 'cmpl'}-${hashOf(JSON.stringify(body)).toString(16).padStart(8, '0')}`,
    created: Math.floor(clock.now() / 1_000),
    model: asString(body.model),
    kind,
  };
  if (body.stream === true) {
    const asked = isObject(body.stream_options) && body.stream_options.include_usage === true;
    const events = pieces(envelope, answers, asked ? usage : undefined);
    return { status: 200, headers: { 'content-type': 'text/event-stream' }, body: streamed(events, pace) };
  }
  const tokens = answers.reduce((sum, answer) => sum + answer.reasoning.length + answer.tokens.length, 0);
  const writingMs = (tokens * 1_000) / (script.tokensPerSecond ?? Number.POSITIVE_INFINITY);
  const doneMs = startedMs + Math.max(script.firstTokenMs ?? 0, script.latencyMs ?? 0) + writingMs;
  if (doneMs > clock.monotonic()) await clock.sleep(doneMs - clock.monotonic(), signal);
  return { status: 200, headers: json, body: wholeBody(wholeReply(envelope, answers, usage), pace) };
}

/** Each prompt of a list is completed by itself; a list of numbers is one prompt in tokens. */
function onePromptEach(body: WireObject): readonly WireObject[] {
  const { prompt } = body;
  if (!Array.isArray(prompt) || prompt.every((entry) => typeof entry === 'number')) return [body];
  return prompt.map((entry) => ({ ...body, prompt: entry }));
}

function embed(body: WireObject, pace: Pace, { embeddingDimensions }: Settings): Reply {
  const dimensions = body.dimensions === undefined ? embeddingDimensions : Number(body.dimensions);
  if (!Number.isInteger(dimensions) || dimensions < 1 || dimensions > 16_384) {
    return refuse(
      400,
      `dimensions is ${JSON.stringify(body.dimensions)}; expected a whole number from 1 to 16384.`,
      pace,
    );
  }
  const inputs = inputsOf(body.input);
  const data = inputs.map((input, index) => {
    const vector = vectorOf(input, dimensions);
    return {
      object: 'embedding',
      index,
      embedding: body.encoding_format === 'base64' ? base64Of(vector) : Array.from(vector),
    };
  });
  const tokens = inputs.reduce<number>(
    (sum, input) => sum + (typeof input === 'string' ? estimateTokens(input) : input.length),
    0,
  );
  const reply = {
    object: 'list',
    data,
    model: asString(body.model),
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  };
  return { status: 200, headers: json, body: wholeBody(reply, pace) };
}

/** One text, several, one list of tokens, or several of those. */
function inputsOf(input: unknown): (string | number[])[] {
  if (!Array.isArray(input)) return [asString(input)];
  if (input.every((entry) => typeof entry === 'number')) return [input];
  return input.map((entry) => (Array.isArray(entry) ? entry : asString(entry)));
}
