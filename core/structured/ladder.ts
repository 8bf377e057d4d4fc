/**
 * Holds a model to a JSON Schema by the best way it has: the vendor's own
 * parameter, else a tool it must call, else its JSON mode with the reply
 * checked and at most one round to mend it.
 */
import type { ChatCodec, ChatReply, ChatRequest, Choice, Deployment, ResponseFormat } from '@rutter/plugin-sdk';
import { AnswerTool, asObjectSchema, type ObjectSchema, unwrapped } from './answer-tool.ts';
import { type SchemaCheck, type SchemaFault, schemaCheck } from './schema-check.ts';

export type Rung = 'native' | 'tool' | 'json';

type JsonFormat = Exclude<ResponseFormat, { type: 'text' }>;

/** How one deployment is held to what the caller asked for. */
export interface Held {
  readonly rung: Rung;
  /** What the codec is asked to write. */
  readonly request: ChatRequest;
  /** Takes the answer out of the tool it came by. */
  readonly tool: AnswerTool | undefined;
  /** Set where the reply has to be checked before anyone sees it. */
  readonly check: ReplyCheck | undefined;
}

/** The reply as the caller is to read it, or what is wrong with it. */
type ReplyCheck = (
  reply: ChatReply,
) => { readonly reply: ChatReply } | { readonly fault: SchemaFault; readonly said: string };

export interface HoldOptions {
  readonly deployment: Deployment;
  readonly codec: Pick<ChatCodec, 'structured'>;
  /** Check replies on every rung (`enable_json_schema_validation`). */
  readonly validates: boolean;
}

/** Undefined where no JSON is asked for. Throws ERR_REQUEST_INVALID for a schema that would have to be checked by and cannot. */
export function holdToSchema(request: ChatRequest, { deployment, codec, validates }: HoldOptions): Held | undefined {
  const { responseFormat: format } = request;
  if (format === undefined || format.type === 'text') return undefined;
  const rung = rungOf(request, format, deployment, codec);
  if (rung === 'tool') return byTool(request, format, validates);
  if (rung === 'json' && format.type === 'json-schema') return byJsonMode(request, format);
  const check = validates && format.type === 'json-schema' ? replyCheck(schemaCheck(format.schema)) : undefined;
  // JSON of any shape is what a JSON mode is made for.
  return { rung: 'native', request, tool: undefined, check };
}

function rungOf(
  request: ChatRequest,
  format: JsonFormat,
  deployment: Deployment,
  codec: Pick<ChatCodec, 'structured'>,
): Rung {
  const best = codec.structured?.(deployment, request) ?? 'native';
  const { supports_response_schema: takesSchema, supports_function_calling: takesTools } = deployment.info;
  const steppedDown = best === 'native' && format.type === 'json-schema' && takesSchema === false ? 'tool' : best;
  return steppedDown === 'tool' && takesTools === false ? 'json' : steppedDown;
}

function byTool(request: ChatRequest, format: JsonFormat, validates: boolean): Held {
  const schema =
    format.type === 'json' ? { type: 'object', additionalProperties: true, properties: {} } : format.schema;
  const description = format.type === 'json' ? undefined : format.description;
  const tool = new AnswerTool(request, schema, description);
  const check = validates && format.type === 'json-schema' ? replyCheck(schemaCheck(schema)) : undefined;
  return { rung: 'tool', request: tool.ask(request), tool, check };
}

function byJsonMode(request: ChatRequest, format: Extract<JsonFormat, { type: 'json-schema' }>): Held {
  const check = schemaCheck(format.schema);
  // A JSON mode gives objects only.
  const root = asObjectSchema(format.schema);
  const system = { role: 'system' as const, content: instruction(format, root) };
  const { messages } = request;
  const isSystem = ({ role }: (typeof messages)[number]) => role === 'system' || role === 'developer';
  const first = messages.findIndex((message) => !isSystem(message));
  const at = first === -1 ? messages.length : first;
  return {
    rung: 'json',
    request: {
      ...request,
      messages: [...messages.slice(0, at), system, ...messages.slice(at)],
      responseFormat: { type: 'json' },
    },
    tool: undefined,
    check: replyCheck(check, root),
  };
}

const instruction = ({ description }: { readonly description?: string }, { schema }: ObjectSchema): string =>
  [
    'Answer with one JSON object and nothing else: no words around it and no code fence.',
    ...(description === undefined ? [] : [`It is: ${description}`]),
    `It has to fit this JSON Schema:\n${JSON.stringify(schema)}`,
  ].join('\n');

/** Replies that hold no answer are not held against it: a refusal, one that was cut off, a call of the caller's tools. */
const isAnswer = ({ end, text, refusal, toolCalls = [] }: Choice): boolean =>
  end !== 'length' && end !== 'refusal' && refusal === undefined && !(text === '' && toolCalls.length > 0);

function replyCheck(check: SchemaCheck, root: Pick<ObjectSchema, 'isWrapped'> = { isWrapped: false }): ReplyCheck {
  return (reply) => {
    const choices = [reply, ...(reply.others ?? [])].map((choice) => {
      if (!isAnswer(choice)) return choice;
      const read = readJson(choice.text);
      const value = read && unwrapped(read.value, root);
      const fault = read ? check(value) : notJson;
      if (fault) return { fault, said: choice.text };
      const text = root.isWrapped && value !== read?.value ? JSON.stringify(value) : (read?.text ?? '');
      return { ...choice, text };
    });
    const faulty = choices.find((choice) => 'fault' in choice);
    if (faulty) return faulty;
    const [first, ...others] = choices as Choice[];
    return { reply: { ...reply, ...first, ...(others.length > 0 && { others }) } };
  };
}

const notJson: SchemaFault = { summary: 'it is not JSON', detail: 'The answer is not JSON.' };

/** JSON, also in the code fence that models like to put around it. */
function readJson(text: string): { readonly value: unknown; readonly text: string } | undefined {
  const trimmed = text.trim();
  const isFenced = trimmed.startsWith('```') && trimmed.endsWith('```') && trimmed.includes('\n');
  const json = isFenced ? trimmed.slice(trimmed.indexOf('\n') + 1, -3).trim() : text;
  try {
    return { value: JSON.parse(json), text: json };
  } catch {
    return undefined;
  }
}

/** The conversation as it goes on where an answer has to be mended. */
export const mendingMessages = (
  messages: ChatRequest['messages'],
  said: string,
  { detail }: SchemaFault,
): ChatRequest['messages'] => [
  ...messages,
  // An assistant's turn must not be empty.
  { role: 'assistant', content: said.trim() === '' ? '(no answer)' : said },
  {
    role: 'user',
    content: `That answer does not fit the JSON Schema:\n${detail}\nGive the whole answer again, mended, as JSON and nothing else.`,
  },
];
