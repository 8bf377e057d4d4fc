/** Tools, the choice among them, and the tool that a JSON reply is asked for with. */
import type { ChatRequest, OtherTool, ResponseFormat, Tool, ToolChoice } from '../../contract/chat.ts';
import { RutterError } from '../../contract/errors.ts';
import type { Drops } from '../drops.ts';
import { unsupported } from '../failures.ts';
import { defined, isObject, isString, type JsonObject } from '../values.ts';
import { usesTools } from './messages.ts';
import { jsonTool, jsonValue, messagesDialect } from './names.ts';

const emptySchema = { type: 'object', properties: {} };

function writeTool(tool: Tool | OtherTool, index: number, drops: Drops): JsonObject[] {
  if ('origin' in tool) {
    // Types of the API's own tools end in a date, as `bash_20250124` does.
    const isNative = isObject(tool.value) && isString(tool.value.type) && /_\d{8}$|^mcp_toolset$/.test(tool.value.type);
    if (isObject(tool.value) && (tool.origin === messagesDialect || isNative)) return [tool.value];
    drops.drop(`tools[${index}]`, 'The vendor has no tool of this type.');
    return [];
  }
  const { name, description, parameters, strict, cacheControl, extra } = tool;
  const inner = isObject(extra?.function) ? extra.function : {};
  if (strict === true) drops.dropped.push(`tools[${index}].function.strict`);
  const schema = isObject(parameters)
    ? { ...(parameters.type === undefined && { type: 'object' }), ...parameters }
    : emptySchema;
  return [defined({ name, description, input_schema: schema, cache_control: cacheControl ?? inner.cache_control })];
}

function writeToolChoice(choice: ToolChoice | undefined, parallel: boolean | undefined): JsonObject | undefined {
  const single = parallel === false ? { disable_parallel_tool_use: true } : {};
  if (choice === undefined) return parallel === false ? { type: 'auto', ...single } : undefined;
  if (choice === 'none') return { type: 'none' };
  if (choice === 'auto') return { type: 'auto', ...single };
  return choice === 'required' ? { type: 'any', ...single } : { type: 'tool', name: choice.name, ...single };
}

/** `tools` and `tool_choice` of the body. */
export function writeTools(
  request: ChatRequest,
  drops: Drops,
  context: { readonly modifies: boolean; readonly isThinking: boolean },
): JsonObject {
  const { toolChoice, parallelToolCalls, responseFormat } = request;
  const tools = [
    ...(request.tools ?? []).flatMap((tool, index) => writeTool(tool, index, drops)),
    ...searchTool(request),
  ];
  const json = jsonToolFor(responseFormat);
  if (json !== undefined && !(context.isThinking && responseFormat?.type === 'json-schema')) {
    const hasOthers = tools.length > 0;
    // Thinking and a forced tool exclude each other; then the model is only offered the tool.
    const forced = context.isThinking
      ? { type: 'auto' }
      : hasOthers
        ? { type: 'any' }
        : { type: 'tool', name: jsonTool };
    return { tools: [...tools, json], tool_choice: forced };
  }
  if (tools.length === 0 && usesTools(request.messages)) tools.push(dummyTool(context.modifies));
  if (tools.length === 0) return {};
  return defined({ tools, tool_choice: writeToolChoice(toolChoice, parallelToolCalls) });
}

function dummyTool(isAllowed: boolean): JsonObject {
  if (isAllowed)
    return {
      name: 'dummy_tool',
      description: 'Stands in for tools of earlier turns; not to be called.',
      input_schema: emptySchema,
    };
  throw new RutterError(
    'ERR_REQUEST_UNSUPPORTED_PARAMETER',
    'tools: found none although the messages hold tool calls; the vendor expects their definitions. Send tools, or set modify_params: true on the deployment.',
    { param: 'tools' },
  );
}

/** The schema to ask for, wrapped where its root is no object. */
function jsonToolFor(format: ResponseFormat | undefined): JsonObject | undefined {
  if (format === undefined || format.type === 'text') return undefined;
  if (format.type === 'json') {
    return {
      name: jsonTool,
      description: 'Answer with this tool.',
      input_schema: { type: 'object', additionalProperties: true, properties: {} },
    };
  }
  const { schema, description = 'Answer with this tool.' } = format;
  const isWrapped = isWrappedSchema(format);
  const input = isWrapped && isObject(schema) ? wrapped(schema) : schema;
  return { name: jsonTool, description, input_schema: isObject(input) ? { type: 'object', ...input } : emptySchema };
}

// References point at the root, so definitions have to move there.
function wrapped({ $defs, definitions, ...schema }: JsonObject): JsonObject {
  return defined({ type: 'object', properties: { [jsonValue]: schema }, required: [jsonValue], $defs, definitions });
}

/** Whether the value asked for comes inside an object, and has to be taken out of it. */
export const isWrappedSchema = (format: ResponseFormat | undefined): boolean =>
  format?.type === 'json-schema' &&
  isObject(format.schema) &&
  format.schema.type !== undefined &&
  format.schema.type !== 'object';

/** Whether replies to the request may carry their content in the JSON tool. */
export const wantsJson = ({ responseFormat }: Pick<ChatRequest, 'responseFormat'>): boolean =>
  responseFormat !== undefined && responseFormat.type !== 'text';

const searches: Readonly<Record<string, number>> = { low: 1, medium: 5, high: 10 };

function searchTool({ extra }: ChatRequest): JsonObject[] {
  const options = extra.web_search_options;
  if (options === undefined || options === null) return [];
  if (!isObject(options)) throw unsupported('web_search_options', 'An object is expected.');
  const { search_context_size: size = 'medium', user_location: place } = options;
  const where =
    isObject(place) && isObject(place.approximate) ? { type: 'approximate', ...place.approximate } : undefined;
  return [
    defined({
      type: 'web_search_20250305',
      name: 'web_search',
      max_uses: isString(size) && Object.hasOwn(searches, size) ? searches[size] : searches.medium,
      user_location: where,
    }),
  ];
}
