/** The tools this gateway runs itself, and how one call of a model is answered. */
import type { Host, Message, Tool, ToolCall } from '@rutter/plugin-sdk';

export interface OwnTool extends Tool {
  run(input: unknown, signal: AbortSignal): Promise<string>;
}

const longestNote = 64 * 1024;
const longestWaitMs = 10_000;

const add: OwnTool = {
  name: 'add',
  description: 'Adds numbers.',
  parameters: {
    type: 'object',
    properties: { numbers: { type: 'array', items: { type: 'number' } } },
    required: ['numbers'],
  },
  async run(input) {
    const { numbers } = input as { numbers?: unknown };
    if (!Array.isArray(numbers) || numbers.some((one) => typeof one !== 'number'))
      throw new Error(`Found ${JSON.stringify(numbers)}, expected "numbers" to be an array of numbers.`);
    return String(numbers.reduce((sum: number, one: number) => sum + one, 0));
  },
};

function readNote(host: Pick<Host, 'fetch'>, notesUrl: string): OwnTool {
  return {
    name: 'read_note',
    description: 'Reads a note by its name.',
    parameters: { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] },
    async run(input, signal) {
      const { name } = input as { name?: unknown };
      if (typeof name !== 'string' || name === '') throw new Error('Expected "name" to be the name of a note.');
      const url = `${notesUrl}/${encodeURIComponent(name)}`;
      const reply = await host.fetch(url, { signal, timeoutMs: longestWaitMs, maxBytes: longestNote });
      const text = await reply.text();
      if (reply.status !== 200) throw new Error(`There is no note "${name}" (status ${reply.status}).`);
      return text;
    },
  };
}

export const ownTools = (host: Pick<Host, 'fetch'>, notesUrl: string | undefined): readonly OwnTool[] =>
  notesUrl === undefined ? [add] : [add, readNote(host, notesUrl)];

/** The message that answers a call. What goes wrong is told to the model, which may try otherwise. */
export async function answer(call: ToolCall, tools: readonly OwnTool[], signal: AbortSignal): Promise<Message> {
  const message = { role: 'tool', toolCallId: call.id } as const;
  try {
    const tool = tools.find(({ name }) => name === call.name);
    if (tool === undefined) throw new Error(`There is no tool "${call.name}".`);
    return { ...message, content: await tool.run(readInput(call), signal) };
  } catch (error) {
    signal.throwIfAborted();
    return { ...message, content: error instanceof Error ? error.message : String(error), isError: true };
  }
}

function readInput({ arguments: text }: ToolCall): unknown {
  let input: unknown;
  try {
    input = JSON.parse(text === '' ? '{}' : text);
  } catch {
    throw new Error('The arguments are not valid JSON.');
  }
  if (typeof input !== 'object' || input === null) throw new Error('Expected the arguments to be an object.');
  return input;
}
