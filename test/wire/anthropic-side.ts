/** Anthropic's end of the wire: a truth as a reply, and a request as what is asked. */
import { isDeepStrictEqual } from 'node:util';
import {
  type Asked,
  type Called,
  emptyTurn,
  type Fields,
  fieldsOf,
  joined,
  listOf,
  piecesOf,
  type Tokens,
  type Truth,
  type Turn,
  thought,
} from './truth.ts';

const jsonTool = 'json_tool_call';
const wrapper = 'values';
export const usualSignature = 'c2lnbmVkIGJ5IHRoZSB2ZW5kb3I=';

const stopReasons = {
  stop: 'end_turn',
  length: 'max_tokens',
  tool_calls: 'tool_use',
  content_filter: 'refusal',
} as const;

/** Anthropic counts what came from its cache beside the input. */
const anthropicUsage = ({ prompt, completion, cached, reasoning }: Tokens) => ({
  input_tokens: prompt - cached,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: cached,
  output_tokens: completion,
  output_tokens_details: { thinking_tokens: reasoning },
});

interface Block {
  readonly start: object;
  readonly whole: object;
  readonly deltas: readonly object[];
}

const jsonToolOf = ({ tools }: Fields) => listOf(tools).find(({ name }) => name === jsonTool);

/** A model that is made to answer in JSON does so by the tool it is given. */
const answersByTool = (request: Fields) =>
  jsonToolOf(request) !== undefined && fieldsOf(request.tool_choice ?? {}).type !== 'auto';

/** A tool's input is an object: of another schema the value stands inside one. */
const isWrapped = (schema: unknown) => isDeepStrictEqual(fieldsOf(schema).required, [wrapper]);

function blocksOf(truth: Truth, request: Fields): Block[] {
  const { text, calls = [], reasoning, sealed, signature = usualSignature } = truth;
  const blocks: Block[] = [];
  if (reasoning !== undefined)
    blocks.push({
      start: { type: 'thinking', thinking: '', signature: '' },
      whole: { type: 'thinking', thinking: reasoning, signature },
      deltas: [
        ...piecesOf(reasoning).map((thinking) => ({ type: 'thinking_delta', thinking })),
        { type: 'signature_delta', signature },
      ],
    });
  if (sealed !== undefined) {
    const block = { type: 'redacted_thinking', data: sealed };
    blocks.push({ start: block, whole: block, deltas: [] });
  }
  if (text !== undefined && answersByTool(request)) blocks.push(jsonBlock(text, request));
  else if (text !== undefined)
    blocks.push({
      start: { type: 'text', text: '' },
      whole: { type: 'text', text },
      deltas: piecesOf(text).map((piece) => ({ type: 'text_delta', text: piece })),
    });
  return [...blocks, ...calls.map((call) => toolBlock(call))];
}

/** What is cut off inside a tool's input is lost in a whole reply. */
function wholeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

function jsonBlock(text: string, request: Fields): Block {
  const json = isWrapped(jsonToolOf(request)?.input_schema) ? `{"${wrapper}":${text}}` : text;
  return toolBlock({ id: 'toolu_json', name: jsonTool, input: wholeJson(json), text: json });
}

function toolBlock({ text, ...call }: Called & { readonly text?: string }): Block {
  const { input } = call;
  const json = text ?? JSON.stringify(input);
  return {
    start: { type: 'tool_use', ...call, input: {} },
    whole: { type: 'tool_use', ...call, input },
    // A call without arguments streams none, as Anthropic does.
    deltas: (json === '{}' ? [''] : ['', ...piecesOf(json)]).map((piece) => ({
      type: 'input_json_delta',
      partial_json: piece,
    })),
  };
}

const stopReason = ({ finish }: Truth, request: Fields) =>
  answersByTool(request) && finish === 'stop' ? 'tool_use' : stopReasons[finish];

const envelope = (request: Fields) => ({ id: 'msg_wire', type: 'message', role: 'assistant', model: request.model });

export const anthropicWhole = (truth: Truth, request: Fields): object => ({
  ...envelope(request),
  content: blocksOf(truth, request).map(({ whole }) => whole),
  stop_reason: stopReason(truth, request),
  stop_sequence: null,
  usage: anthropicUsage(truth.tokens),
});

export function* anthropicEvents(truth: Truth, request: Fields): Generator<string> {
  const event = (type: string, fields: object = {}) =>
    `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
  const { output_tokens: output, output_tokens_details: details, ...input } = anthropicUsage(truth.tokens);
  const unsaid = { content: [], stop_reason: null, stop_sequence: null };
  yield event('message_start', { message: { ...envelope(request), ...unsaid, usage: { ...input, output_tokens: 1 } } });
  for (const [index, { start, deltas }] of blocksOf(truth, request).entries()) {
    yield event('content_block_start', { index, content_block: start });
    if (index === 0) yield event('ping');
    for (const delta of deltas) yield event('content_block_delta', { index, delta });
    yield event('content_block_stop', { index });
  }
  yield event('message_delta', {
    delta: { stop_reason: stopReason(truth, request), stop_sequence: null },
    usage: { output_tokens: output, output_tokens_details: details },
  });
  yield event('message_stop');
}

const unwrapped = (schema: unknown) => (isWrapped(schema) ? fieldsOf(fieldsOf(schema).properties)[wrapper] : schema);

const choices: Fields = { any: 'required' };

const marksIn = ({ system, messages }: Fields): { marks?: number } => {
  const blocks = [...listOf(system), ...listOf(messages).flatMap(({ content }) => listOf(content))];
  const marks = blocks.filter(({ cache_control: mark }) => mark !== undefined).length;
  return marks > 0 ? { marks } : {};
};

/** What a Messages body asks for. */
export function askedOfAnthropic(body: Fields): Asked {
  const all = listOf(body.tools);
  const json = jsonToolOf(body);
  const choice = fieldsOf(body.tool_choice ?? { type: 'auto' });
  const named = choice.name === undefined || choice.name === jsonTool ? undefined : `tool ${choice.name}`;
  return {
    system: listOf(body.system)
      .map(({ text }) => text)
      .join('|'),
    turns: joined(listOf(body.messages).map(turnOf)),
    tools: all
      .filter((tool) => tool !== json)
      .map(({ name, description, input_schema: schema }) => ({
        name: String(name),
        ...(description !== undefined && { description: String(description) }),
        schema,
      })),
    choice: json === undefined ? (named ?? String(choices[String(choice.type)] ?? choice.type)) : 'auto',
    isParallel: choice.disable_parallel_tool_use !== true,
    ...schemaOf(body, json),
    ...marksIn(body),
    ...(body.temperature !== undefined && { temperature: body.temperature }),
    ...(body.top_p !== undefined && { topP: body.top_p }),
    stop: [body.stop_sequences ?? []].flat(),
    limit: body.max_tokens,
  };
}

/** The schema that a forced tool has, or the API's own parameter. */
function schemaOf({ output_config: config }: Fields, tool: Fields | undefined): { schema?: unknown } {
  if (tool !== undefined) return { schema: unwrapped(tool.input_schema) };
  const { format } = fieldsOf(config ?? {});
  return format === undefined ? {} : { schema: fieldsOf(format).schema };
}

function turnOf({ role, content }: Fields): Turn {
  const blocks = typeof content === 'string' ? [{ type: 'text', text: content }] : listOf(content);
  const of = (type: string) => blocks.filter((block) => block.type === type) as Fields[];
  const textIn = (parts: readonly Fields[]) => parts.map(({ text }) => text ?? '').join('');
  return {
    ...emptyTurn,
    role: role === 'assistant' ? 'assistant' : 'user',
    text: textIn(of('text')),
    thoughts: [
      ...of('thinking').map(({ thinking, signature }) => thought(thinking, signature)),
      ...of('redacted_thinking').map(({ data }) => thought('sealed', data)),
    ],
    images: [...of('image'), ...of('document')].map((image) => {
      const { type, url, media_type: media, data } = fieldsOf(image.source);
      return type === 'url' ? String(url) : `${media},${data}`;
    }),
    calls: of('tool_use').map(({ id, name, input }) => ({ id: String(id), name: String(name), input })),
    results: of('tool_result').map(({ tool_use_id: id, content: parts, is_error: isError }) => ({
      id: String(id),
      text: typeof parts === 'string' ? parts : textIn(listOf(parts)),
      ...(isError === true && { isError }),
    })),
  };
}
