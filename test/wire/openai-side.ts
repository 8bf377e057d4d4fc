/** OpenAI's end of the wire: a truth as a reply, and a request as what is asked. */
import {
  type Asked,
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

const calledBy = ({ calls = [] }: Truth) =>
  calls.map(({ id, name, input }) => ({
    id,
    type: 'function',
    function: { name, arguments: JSON.stringify(input) },
  }));

export const openAiUsage = ({ prompt, completion, cached, reasoning }: Tokens) => ({
  prompt_tokens: prompt,
  completion_tokens: completion,
  total_tokens: prompt + completion,
  prompt_tokens_details: { cached_tokens: cached, audio_tokens: 0 },
  completion_tokens_details: { reasoning_tokens: reasoning, audio_tokens: 0 },
});

const head = (model: unknown) => ({
  id: 'chatcmpl-wire',
  created: 1_750_000_000,
  model,
  system_fingerprint: 'fp_wire',
});

export function openAiWhole(truth: Truth, model: unknown): object {
  const calls = calledBy(truth);
  const message = {
    role: 'assistant',
    content: truth.text === undefined && calls.length > 0 ? null : (truth.text ?? ''),
    refusal: null,
    ...(truth.reasoning !== undefined && { reasoning_content: truth.reasoning }),
    ...(calls.length > 0 && { tool_calls: calls }),
  };
  const choices = [{ index: 0, message, logprobs: null, finish_reason: truth.finish }];
  return { ...head(model), object: 'chat.completion', choices, usage: openAiUsage(truth.tokens) };
}

export function* openAiEvents(truth: Truth, model: unknown, includesUsage: boolean): Generator<string> {
  const chunk = (choices: object[], usage?: object) =>
    `data: ${JSON.stringify({ ...head(model), object: 'chat.completion.chunk', choices, ...(includesUsage && { usage: usage ?? null }) })}\n\n`;
  const delta = (fields: object, finish: string | null = null) =>
    chunk([{ index: 0, delta: fields, logprobs: null, finish_reason: finish }]);
  yield delta({ role: 'assistant', content: '', refusal: null });
  for (const text of piecesOf(truth.reasoning ?? '')) yield delta({ reasoning_content: text });
  for (const text of piecesOf(truth.text ?? '')) yield delta({ content: text });
  for (const [index, { id, type, function: called }] of calledBy(truth).entries()) {
    yield delta({ tool_calls: [{ index, id, type, function: { name: called.name, arguments: '' } }] });
    for (const text of piecesOf(called.arguments))
      yield delta({ tool_calls: [{ index, function: { arguments: text } }] });
  }
  yield delta({}, truth.finish);
  if (includesUsage) yield chunk([], openAiUsage(truth.tokens));
  yield 'data: [DONE]\n\n';
}

/** The schema that any JSON object has. */
const anyObject = { type: 'object', additionalProperties: true, properties: {} };

function marksIn(messages: readonly Fields[]): { marks?: number } {
  const places = messages.flatMap((message) => [message, ...listOf(message.content)]);
  const marks = places.filter(({ cache_control: mark }) => mark !== undefined).length;
  return marks > 0 ? { marks } : {};
}

/** What a chat completions body asks for. */
export function askedOfOpenAi(body: Fields): Asked {
  const messages = listOf(body.messages);
  const isSystem = ({ role }: Fields) => role === 'system' || role === 'developer';
  const format = fieldsOf(body.response_format ?? {});
  const choice = body.tool_choice ?? 'auto';
  return {
    system: messages.filter(isSystem).map(textOf).join('|'),
    turns: joined(messages.filter((message) => !isSystem(message)).map(turnOf)),
    tools: listOf(body.tools).map((tool) => {
      const { name, description, parameters } = fieldsOf(tool.function);
      return {
        name: String(name),
        ...(description !== undefined && { description: String(description) }),
        schema: parameters,
      };
    }),
    choice: typeof choice === 'string' ? choice : `tool ${fieldsOf(fieldsOf(choice).function).name}`,
    ...marksIn(messages),
    isParallel: body.parallel_tool_calls !== false,
    ...(format.type === 'json_object' && { schema: anyObject }),
    ...(format.type === 'json_schema' && { schema: fieldsOf(format.json_schema).schema }),
    ...(body.temperature !== undefined && { temperature: body.temperature }),
    ...(body.top_p !== undefined && { topP: body.top_p }),
    stop: [body.stop ?? []].flat(),
    limit: body.max_completion_tokens ?? body.max_tokens,
  };
}

function textOf({ content }: Fields): string {
  if (typeof content === 'string') return content;
  return listOf(content)
    .map(({ text }) => text ?? '')
    .join('');
}

function turnOf(message: Fields): Turn {
  const { role, content, tool_calls: calls, tool_call_id: id, is_error: isError } = message;
  const { reasoning_content: older, reasoning = older } = message;
  if (role === 'tool')
    return {
      ...emptyTurn,
      role: 'user',
      results: [{ id: String(id), text: textOf(message), ...(isError === true && { isError }) }],
    };
  return {
    ...emptyTurn,
    role: role === 'assistant' ? 'assistant' : 'user',
    text: textOf(message),
    thoughts: reasoning ? [thought(reasoning)] : [],
    images: listOf(content).flatMap(mediaOf),
    calls: listOf(calls).map((call) => {
      const { name, arguments: text } = fieldsOf(call.function);
      return { id: String(call.id), name: String(name), input: JSON.parse(String(text)) as unknown };
    }),
  };
}

function mediaOf({ image_url: image, file, input_audio: audio }: Fields): string[] {
  if (image) return [addressOf(String(fieldsOf(image).url))];
  if (file) return [addressOf(String(fieldsOf(file).file_data))];
  return audio ? [`audio/${fieldsOf(audio).format},${fieldsOf(audio).data}`] : [];
}

const addressOf = (url: string): string =>
  url.startsWith('data:') ? url.slice('data:'.length).replace(';base64', '') : url;
