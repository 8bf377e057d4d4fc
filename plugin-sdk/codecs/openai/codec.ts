/** Codecs for OpenAI and for servers that speak its chat, completions and embeddings. */
import type { ChatRequest } from '../../contract/chat.ts';
import type { Deployment } from '../../contract/request.ts';
import type {
  ChatCodec,
  Fields,
  PassInput,
  PassRequest,
  Relay,
  RelayContext,
  UpstreamRequest,
} from '../../contract/wire.ts';
import { type Drops, dropsFor, lacking, type VendorLimits } from '../drops.ts';
import { defined, filled, isArray, isObject, type JsonObject } from '../values.ts';
import { withoutMarks } from './cache-marks.ts';
import { hasReasoning, isExtended, plainMessages, toldReasoning, writeChat } from './chat-write.ts';
import { writeCompletionRequest } from './completions.ts';
import { type Adapted, adapt } from './models.ts';
import { chatDialect, completionsDialect } from './names.ts';
import { OpenAiRelay } from './relay.ts';
import { readChatReply, readCompletionReply } from './reply-read.ts';
import { readChatEvents, readCompletionEvents } from './stream-read.ts';

/** How a vendor differs from OpenAI. */
export interface OpenAiCodecOptions {
  /** Appended to the base address; `/chat/completions` and `/completions` when absent. */
  readonly path?: string | ((deployment: Deployment) => string);
  readonly query?: (deployment: Deployment) => Readonly<Record<string, string>> | undefined;
  readonly headers?: (deployment: Deployment) => Readonly<Record<string, string>> | undefined;
  /** False for a server that refuses `stream_options`; the caller's are taken out. */
  readonly asksForUsage?: boolean | ((deployment: Deployment) => boolean);
  /** Parameters that the vendor does not take; all are passed on where this is absent. */
  readonly limits?: VendorLimits;
  /** The one name the vendor has for the output limit; both pass where this is absent. */
  readonly limitName?: 'max_tokens' | 'max_completion_tokens';
  /** The messages as the vendor wants them, from wire messages that are checked for their roles alone. */
  readonly messages?: (messages: readonly JsonObject[], change: BodyChange) => readonly JsonObject[];
  /** True where the vendor refuses `thinking_blocks`, `reasoning_content`, `is_error` and signed ids in the history; they are left out. */
  readonly refusesReasoning?: (deployment: Deployment) => boolean;
  /** True where the vendor refuses marks of a cache (`cache_control`); they are left out and told. */
  readonly refusesMarks?: (deployment: Deployment) => boolean;
  /** The one member of messages in which the vendor takes reasoning of the history, as text; whoever thought it. */
  readonly historyReasoning?: 'reasoning' | 'reasoning_content';
  /** The model's name in the body; the deployment's when absent. */
  readonly model?: (deployment: Deployment) => string;
  /**
   * The name by which OpenAI knows the model, whose rules for reasoning models then apply; the deployment's
   * when absent. Undefined for a model or vendor of other rules.
   */
  readonly openAiName?: (deployment: Deployment) => string | undefined;
  /** Last changes to the body. An `undefined` member is taken out. */
  readonly change?: (fields: Fields, deployment: Deployment, drops: Drops) => JsonObject | undefined;
  /** False where replies differ so far from OpenAI's that they have to be read: then no bytes pass. */
  readonly relays?: boolean;
  /** As in {@link ChatCodec}. */
  readonly structured?: ChatCodec['structured'];
}

/** What a change to messages may look at. */
export interface BodyChange {
  /** The body, with all other changes made but the last. */
  readonly fields: Fields;
  readonly deployment: Deployment;
  readonly drops: Drops;
}

interface Vendor {
  path(deployment: Deployment): string;
  adapt(fields: Fields, deployment: Deployment, stream: boolean): Adapted;
  around(deployment: Deployment): Pick<UpstreamRequest, 'query' | 'headers'>;
}

function vendorOf(options: OpenAiCodecOptions, defaultPath: string): Vendor {
  const { path = defaultPath, query, headers, asksForUsage = true } = options;
  const { model: modelOf = ({ model }) => model, openAiName = ({ model }) => model } = options;
  return {
    path: (deployment) => (typeof path === 'string' ? path : path(deployment)),
    around: (deployment) => defined({ query: query?.(deployment), headers: headers?.(deployment) }),
    adapt(fields, deployment, stream) {
      const { set, dropped } = adapt(fields, deployment, openAiName(deployment));
      const model = modelOf(deployment);
      if (fields.model !== model) set.model = model;
      setStream(fields, set, stream, typeof asksForUsage === 'boolean' ? asksForUsage : asksForUsage(deployment));
      const drops = dropsFor(deployment);
      return {
        set: changed(options, { fields, set, deployment, drops }),
        dropped: [...dropped, ...drops.dropped],
      };
    },
  };
}

interface Change extends BodyChange {
  readonly set: JsonObject;
}

/** The vendor's own changes on top of those made for every vendor. */
function changed(options: OpenAiCodecOptions, { fields, set, deployment, drops }: Change): JsonObject {
  const { limits, limitName, refusesReasoning, change } = options;
  const now = () => ({ ...fields, ...set });
  if (limits) for (const name of lacking(now(), limits, { deployment, drops })) set[name] = undefined;
  if (limitName) setLimit(now(), set, limitName);
  const unmarked = options.refusesMarks?.(deployment) ? withoutMarks(now()) : undefined;
  if (unmarked !== undefined) {
    Object.assign(set, unmarked);
    drops.dropped.push('cache_control');
  }
  const { messages } = now();
  if (refusesReasoning?.(deployment) && isArray(messages) && messages.some(isExtended)) {
    set.messages = plainMessages(messages);
  }
  const { historyReasoning: name } = options;
  if (name && isArray(messages) && messages.some((message) => isMistold(message, name))) {
    set.messages = toldReasoning(messages, name);
  }
  if (options.messages && isArray(messages)) {
    const found = (isArray(set.messages) ? set.messages : messages).filter(isObject);
    set.messages = options.messages(found, { fields: now(), deployment, drops });
  }
  return { ...set, ...change?.(now(), deployment, drops) };
}

const isMistold = (message: unknown, name: 'reasoning' | 'reasoning_content'): boolean =>
  isObject(message) && (message.thinking_blocks !== undefined || (name === 'reasoning' && hasReasoning(message)));

function setLimit(fields: Fields, set: JsonObject, name: 'max_tokens' | 'max_completion_tokens'): void {
  const other = name === 'max_tokens' ? 'max_completion_tokens' : 'max_tokens';
  const { [name]: own, [other]: found } = fields;
  if (found === undefined) return;
  // The newer name wins where both are given, as it does at OpenAI.
  set[name] = (name === 'max_tokens' ? found : own) ?? own ?? found;
  set[other] = undefined;
}

function setStream(fields: Fields, set: JsonObject, stream: boolean, asksForUsage: boolean): void {
  const { stream_options: options } = fields;
  if (stream !== (fields.stream === true)) set.stream = stream;
  // Without `stream: true` OpenAI refuses the options.
  if (!stream || !asksForUsage) {
    if (options !== undefined && (fields.stream === true || !asksForUsage)) set.stream_options = undefined;
    return;
  }
  const isAsked = isObject(options) && options.include_usage === true;
  if (!isAsked) set.stream_options = { ...(isObject(options) && options), include_usage: true };
}

/** The same changes to a caller's bytes. */
function passWith({ path, adapt: changes, around }: Vendor, { deployment, stream, fields }: PassInput): PassRequest {
  const { set, dropped } = changes(fields, deployment, stream);
  const remove = Object.keys(set).filter((name) => set[name] === undefined);
  for (const name of remove) delete set[name];
  return {
    path: path(deployment),
    ...around(deployment),
    ...(filled(set) && { set }),
    ...(remove.length > 0 && { remove }),
    ...(dropped.length > 0 && { dropped }),
  };
}

/** The same changes to a body made from a neutral request. */
function requestWith(
  { path, adapt: changes, around }: Vendor,
  body: JsonObject,
  { deployment, stream }: ChatRequest & { deployment: Deployment },
): UpstreamRequest {
  const { set, dropped } = changes(body, deployment, stream);
  return {
    path: path(deployment),
    ...around(deployment),
    body: defined({ ...body, ...set }),
    ...(dropped.length > 0 && { dropped }),
  };
}

const relay = (context: RelayContext): Relay => new OpenAiRelay(context);

/** Chat with OpenAI or a server compatible with it. */
export function openAiChatCodec(options: OpenAiCodecOptions = {}): ChatCodec {
  const vendor = vendorOf(options, '/chat/completions');
  return {
    framing: 'sse',
    dialect: chatDialect,
    request: (input) => requestWith(vendor, writeChat(input), input),
    reply: (body) => readChatReply(body),
    events: () => readChatEvents(),
    ...(options.relays !== false && { pass: (input: PassInput) => passWith(vendor, input), relay }),
    ...(options.structured && { structured: options.structured }),
  };
}

/** Text completions with OpenAI or a server compatible with it. */
export function openAiCompletionsCodec(options: OpenAiCodecOptions = {}): ChatCodec {
  const vendor = vendorOf(options, '/completions');
  return {
    framing: 'sse',
    dialect: completionsDialect,
    request: (input) => requestWith(vendor, writeCompletionRequest(input), input),
    reply: (body) => readCompletionReply(body),
    events: () => readCompletionEvents(),
    pass: (input) => passWith(vendor, input),
    relay,
  };
}
