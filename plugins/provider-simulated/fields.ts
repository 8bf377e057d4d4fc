/** Reading the body of a request in OpenAI's shape, whatever may be missing from it. */

export type WireObject = Readonly<Record<string, unknown>>;

export const isObject = (value: unknown): value is WireObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const asString = (value: unknown): string => (typeof value === 'string' ? value : '');

const objectsIn = (value: unknown): WireObject[] => (Array.isArray(value) ? value.filter(isObject) : []);

/** The messages; a text completion's prompt counts as one of the user. */
export function messagesOf(body: WireObject): WireObject[] {
  if (body.prompt === undefined) return objectsIn(body.messages);
  const prompts = Array.isArray(body.prompt) ? body.prompt : [body.prompt];
  return [{ role: 'user', content: prompts.map(asString).join('\n') }];
}

/** The words of a message. */
export function textOf({ content }: WireObject): string {
  if (typeof content === 'string') return content;
  return objectsIn(content)
    .map(({ text }) => asString(text))
    .join('\n');
}

export interface OfferedTool {
  readonly name: string;
  readonly parameters: unknown;
}

export const toolsOf = (body: WireObject): OfferedTool[] =>
  objectsIn(body.tools).flatMap(({ function: called }) =>
    isObject(called) && typeof called.name === 'string' ? [{ name: called.name, parameters: called.parameters }] : [],
  );
