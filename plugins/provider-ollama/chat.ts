/** The messages of `/api/chat`. https://docs.ollama.com/api/chat */
import { type Message, type Part, RutterError, type ToolCall } from '@rutter/plugin-sdk';
import {
  type Drops,
  defined,
  isFilled,
  isObject,
  isString,
  type JsonObject,
  parseJson,
  plainTools,
} from '@rutter/plugin-sdk/codecs';

export function writeMessages(messages: readonly Message[]): JsonObject[] {
  const names = new Map(messages.flatMap(({ toolCalls = [] }) => toolCalls.map(({ id, name }) => [id, name] as const)));
  return messages.map((message, index) => {
    const { role, toolCalls, toolCallId, reasoning, refusal } = message;
    const { text, images } = readContent(message, index);
    const thinking = (reasoning ?? []).map((block) => block.text ?? '').join('');
    return defined({
      role: role === 'developer' ? 'system' : role,
      content: text === '' ? (refusal ?? '') : text,
      images: images.length > 0 ? images : undefined,
      thinking: isFilled(thinking) ? thinking : undefined,
      tool_calls: toolCalls && toolCalls.length > 0 ? toolCalls.map(writeCall) : undefined,
      // Templates show the model which tool has answered by its name.
      tool_name: toolCallId === undefined ? undefined : names.get(toolCallId),
      tool_call_id: toolCallId,
    });
  });
}

/** Arguments are a value here; text that is no object is shown to the model as it stands. */
function writeCall({ id, name, arguments: text }: ToolCall): JsonObject {
  const value = text.trim() === '' ? {} : parseJson(text);
  return { id, function: { name, arguments: isObject(value) ? value : { arguments: text } } };
}

/** A message's words, and its images as bare base64. */
export function readContent({ content }: Message, index: number): { text: string; images: string[] } {
  if (isString(content)) return { text: content, images: [] };
  const images: string[] = [];
  const texts = content.map((part, at) => {
    if (part.type === 'text') return part.text;
    images.push(imageOf(part, `messages[${index}].content[${at}]`));
    return '';
  });
  return { text: texts.join(''), images };
}

function imageOf(part: Part, path: string): string {
  if (part.type === 'image' && part.data !== undefined) return part.data;
  const found =
    part.type === 'image'
      ? 'an image by its address'
      : part.type === 'other'
        ? 'a part of another dialect'
        : `a part of type ${part.type}`;
  throw new RutterError(
    'ERR_REQUEST_UNSUPPORTED_PARAMETER',
    `${path}: found ${found}, expected text or an image as base64 data; Ollama takes nothing else. Leave it out, or call a model that takes it.`,
    { param: path },
  );
}

/** A choice cannot be forced; tools that shall not be used are not offered. */
export function writeTools(found: unknown, choice: unknown, drops: Drops): JsonObject[] | undefined {
  if (choice === 'none') return undefined;
  if (choice !== undefined && choice !== null && choice !== 'auto')
    drops.drop('tool_choice', 'Ollama has no tool_choice: its models call tools when they see fit.');
  const tools = plainTools(found, 'Ollama');
  return tools && tools.length > 0 ? tools : undefined;
}
