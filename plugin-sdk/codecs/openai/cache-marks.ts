/**
 * Marks of prompt caches (`cache_control`, as Anthropic has them) in messages,
 * their parts, and tools. OpenAI caches by itself and refuses fields it does not know.
 */
import type { Fields } from '../../contract/wire.ts';
import { isArray, isObject } from '../values.ts';

const isMarked = (value: unknown): boolean => isObject(value) && value.cache_control !== undefined;

const isMarkedMessage = (message: unknown): boolean =>
  isMarked(message) || (isObject(message) && isArray(message.content) && message.content.some(isMarked));

const isMarkedTool = (tool: unknown): boolean => isMarked(tool) || (isObject(tool) && isMarked(tool.function));

function plain(value: unknown): unknown {
  if (!isObject(value)) return value;
  const { cache_control: _mark, ...rest } = value;
  return rest;
}

function plainMessage(message: unknown): unknown {
  const rest = plain(message);
  return isObject(rest) && isArray(rest.content) ? { ...rest, content: rest.content.map(plain) } : rest;
}

function plainTool(tool: unknown): unknown {
  const rest = plain(tool);
  return isObject(rest) && isObject(rest.function) ? { ...rest, function: plain(rest.function) } : rest;
}

/** The members of a body that hold marks, without them; undefined where there is none. */
export function withoutMarks({ messages, tools }: Fields): { messages?: unknown[]; tools?: unknown[] } | undefined {
  const inMessages = isArray(messages) && messages.some(isMarkedMessage);
  const inTools = isArray(tools) && tools.some(isMarkedTool);
  if (!inMessages && !inTools) return undefined;
  return {
    ...(inMessages && { messages: messages.map(plainMessage) }),
    ...(inTools && { tools: tools.map(plainTool) }),
  };
}
