/**
 * Claude by InvokeModel: the Messages API's own body without model and
 * stream, its version and betas inside the body, and what Bedrock adds to it
 * in headers. A stream is that API's events, each in a frame as base64.
 */
import {
  type ChatCodec,
  type ChatReply,
  type ChatRequest,
  type CodecContext,
  type Deployment,
  type Frame,
  RutterError,
  type UpstreamRequest,
} from '@rutter/plugin-sdk';
import {
  anthropicMessagesCodec,
  base64Text,
  defined,
  dropsFor,
  isFilled,
  isObject,
  type JsonObject,
  malformed,
  parseJson,
} from '@rutter/plugin-sdk/codecs';
import { exceptionOf } from './failure.ts';
import { isClaude, isOpaque, type Model, modelOf, pathOf } from './model.ts';
import { joinBetas } from './reasoning.ts';
import { streamAccept } from './request.ts';

const invokeVersion = 'bedrock-2023-05-31';

const guarded = 'amazon-bedrock-guardrailAction';

export function invokeCodec(
  defaultMaxTokens: number,
): Required<Pick<ChatCodec, 'request' | 'reply' | 'events' | 'structured'>> {
  const claude = anthropicMessagesCodec({ defaultMaxTokens });
  return {
    request: (input) => writeInvoke(input, claude),
    reply: (body, context) => readInvoked(body, context, claude),
    events: (context) => readFrames(claude.events(named(context))),
    structured: (deployment, request) => claude.structured?.(byName(deployment), request) ?? 'tool',
  };
}

/** The codec of the Messages API reads a version from the model's name, which an ARN does not have. */
const named = (context: CodecContext): CodecContext => ({ ...context, deployment: byName(context.deployment) });
const byName = (deployment: Deployment): Deployment => ({ ...deployment, model: modelOf(deployment).name });

function writeInvoke(input: ChatRequest & { readonly deployment: Deployment }, claude: ChatCodec): UpstreamRequest {
  const model = modelOf(input.deployment);
  if (!isClaude(model) && !isOpaque(model)) throw otherModel(model);
  const drops = dropsFor(input.deployment);
  const {
    guardrailConfig,
    performanceConfig,
    serviceTier,
    service_tier,
    requestMetadata,
    web_search_options,
    ...rest
  } = input.extra;
  const { anthropic_beta: betas, model_id: _, ...extra } = rest;
  if (web_search_options !== undefined && web_search_options !== null)
    drops.drop('web_search_options', 'Bedrock has no web search.');
  if (requestMetadata !== undefined) drops.dropped.push('requestMetadata');
  const written = claude.request({ ...input, extra, deployment: byName(input.deployment) });
  const { model: _model, stream: _stream, ...body } = written.body as JsonObject;
  const all = joinBetas(betas, written.headers?.['anthropic-beta']);
  const dropped = [...drops.dropped, ...(written.dropped ?? [])];
  return {
    path: pathOf(model, input.stream ? 'invoke-with-response-stream' : 'invoke'),
    headers: {
      ...(input.stream && streamAccept),
      ...settingHeaders({ guardrailConfig, performanceConfig, tier: serviceTier ?? { type: service_tier } }),
    },
    body: { anthropic_version: invokeVersion, ...(all.length > 0 && { anthropic_beta: all }), ...body },
    ...(dropped.length > 0 && { dropped }),
  };
}

const otherModel = ({ id }: Model) =>
  new RutterError(
    'ERR_ROUTE_UNSUPPORTED',
    `The route invoke/ serves Claude, found ${id}. Leave invoke/ out: Converse serves every model.`,
  );

const tiers = new Set<unknown>(['default', 'flex', 'priority', 'reserved']);

/** What Converse takes in its body, InvokeModel takes in headers. */
function settingHeaders(settings: { guardrailConfig: unknown; performanceConfig: unknown; tier: unknown }) {
  const guardrail = isObject(settings.guardrailConfig) ? settings.guardrailConfig : {};
  const performance = isObject(settings.performanceConfig) ? settings.performanceConfig : {};
  const tier = isObject(settings.tier) && tiers.has(settings.tier.type) ? settings.tier.type : undefined;
  const text = (value: unknown) => (isFilled(value) ? value : undefined);
  return defined({
    'x-amzn-bedrock-guardrailidentifier': text(guardrail.guardrailIdentifier),
    'x-amzn-bedrock-guardrailversion': text(guardrail.guardrailVersion),
    'x-amzn-bedrock-trace': text(guardrail.trace)?.toUpperCase(),
    'x-amzn-bedrock-performanceconfig-latency': text(performance.latency),
    'x-amzn-bedrock-service-tier': text(tier),
  });
}

function readInvoked(body: unknown, context: CodecContext, claude: ChatCodec): ChatReply {
  const reply = claude.reply(body as never, named(context));
  return isObject(body) && body[guarded] === 'INTERVENED' ? { ...reply, end: 'refusal' } : reply;
}

function readFrames(read: ReturnType<ChatCodec['events']>): ReturnType<ChatCodec['events']> {
  return (frame: Frame) => {
    const failure = exceptionOf(frame);
    if (failure !== undefined) throw failure;
    if (frame.data.trim() === '') return [];
    const payload = parseJson(frame.data);
    if (!isObject(payload)) throw malformed(frame.data, 'a chunk in JSON');
    if (!isFilled(payload.bytes)) return [];
    const data = base64Text(payload.bytes);
    const isGuarded = data.includes(guarded) && isIntervened(data);
    const events = read({ event: '', data });
    return isGuarded ? events.map((event) => (event.type === 'end' ? { ...event, reason: 'refusal' } : event)) : events;
  };
}

function isIntervened(data: string): boolean {
  const event = parseJson(data);
  return isObject(event) && event[guarded] === 'INTERVENED';
}
