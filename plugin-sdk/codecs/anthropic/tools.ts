/** Tools and the choice among them. */
import type { ChatRequest, OtherTool, Tool, ToolChoice } from '../../contract/chat.ts';
import { RutterError } from '../../contract/errors.ts';
import type { Drops } from '../drops.ts';
import { unsupported } from '../failures.ts';
import { defined, isObject, isString, type JsonObject } from '../values.ts';
import { usesTools } from './messages.ts';
import { messagesDialect } from './names.ts';

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
export function writeTools(request: ChatRequest, drops: Drops, modifies: boolean): JsonObject {
  const { toolChoice, parallelToolCalls } = request;
  const tools = [
    ...(request.tools ?? []).flatMap((tool, index) => writeTool(tool, index, drops)),
    ...searchTool(request),
  ];
  if (tools.length === 0 && usesTools(request.messages)) tools.push(dummyTool(modifies));
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
