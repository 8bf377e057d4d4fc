/** Function declarations, Google's own tools, and the choice among them. */
import type { ChatRequest, OtherTool, Tool, ToolChoice } from '../../contract/chat.ts';
import type { Drops } from '../drops.ts';
import { unsupported } from '../failures.ts';
import { defined, isArray, isFilled, isObject, isString, type JsonObject } from '../values.ts';
import { geminiOrigin, modelVersion } from './names.ts';
import { geminiSchema } from './schema.ts';

/** Tools of Google's by their names in the API, in either spelling. */
const nativeNames = new Set([
  'googleSearch',
  'google_search',
  'googleSearchRetrieval',
  'google_search_retrieval',
  'enterpriseWebSearch',
  'enterprise_web_search',
  'googleMaps',
  'google_maps',
  'urlContext',
  'url_context',
  'codeExecution',
  'code_execution',
  'computerUse',
  'computer_use',
  'fileSearch',
  'file_search',
  'retrieval',
  'mcpServers',
  'mcp_servers',
]);

interface Sorted {
  readonly functions: JsonObject[];
  readonly natives: JsonObject[];
}

/** `tools` and `toolConfig` of the body. */
export function writeTools(request: ChatRequest, model: string, drops: Drops): JsonObject {
  const { functions: all, natives } = sortTools(request, drops);
  const choice = readChoice(request);
  const functions = choice.offered === undefined ? all : all.filter(({ name }) => choice.offered?.includes(name));
  if (request.parallelToolCalls === false && functions.length > 1)
    drops.drop('parallel_tool_calls', 'Gemini cannot be kept from calling several tools at once.');
  natives.push(...searchTool(request, { hasFunctions: functions.length > 0, model, drops }));
  const tools = [...(functions.length > 0 ? [{ function_declarations: functions }] : []), ...natives];
  const isChoosable = functions.length > 0 && choice.config !== undefined;
  return defined({
    tools: tools.length > 0 ? tools : undefined,
    toolConfig: isChoosable ? { functionCallingConfig: choice.config } : undefined,
  });
}

function sortTools({ tools = [] }: ChatRequest, drops: Drops): Sorted {
  const sorted: Sorted = { functions: [], natives: [] };
  for (const [index, tool] of tools.entries()) {
    if (!('origin' in tool)) sorted.functions.push(writeFunction(tool, index, drops));
    else sortOther(tool, index, { sorted, drops });
  }
  return sorted;
}

function writeFunction({ name, description, parameters, strict }: Tool, index: number, drops: Drops): JsonObject {
  if (strict === true) drops.dropped.push(`tools[${index}].function.strict`);
  const schema = isObject(parameters) ? geminiSchema({ type: 'object', ...parameters }) : undefined;
  // An object without properties is refused here; a function without parameters is not.
  const isEmpty = schema?.type === 'object' && schema.properties === undefined;
  return defined({ name, description, parameters: isEmpty ? undefined : schema });
}

function sortOther({ origin, value }: OtherTool, index: number, into: { sorted: Sorted; drops: Drops }): void {
  const { functions, natives } = into.sorted;
  if (!isObject(value)) {
    into.drops.drop(`tools[${index}]`, 'The vendor has no tool of this type.');
    return;
  }
  const { type, ...rest } = value;
  const declared = rest.functionDeclarations ?? rest.function_declarations;
  const native = Object.keys(rest).filter((name) => nativeNames.has(name));
  if (isArray(declared)) functions.push(...declared.filter(isObject));
  else if (native.length > 0) natives.push(Object.fromEntries(native.map((name) => [name, rest[name] ?? {}])));
  else if (isString(type) && nativeNames.has(type)) natives.push({ [type]: rest });
  else if (isString(type) && /^web_search/.test(type)) natives.push({ googleSearch: {} });
  else if (origin === geminiOrigin) natives.push(value);
  else into.drops.drop(`tools[${index}]`, 'The vendor has no tool of this type.');
}

interface Choice {
  readonly config: JsonObject | undefined;
  /** Names of the functions to declare; all when undefined. */
  readonly offered: readonly unknown[] | undefined;
}

function readChoice({ toolChoice, extra }: ChatRequest): Choice {
  if (toolChoice !== undefined) return { config: configOf(toolChoice), offered: undefined };
  const { tool_choice: found } = extra;
  if (found === undefined || found === null) return { config: undefined, offered: undefined };
  const { mode, tools } = isObject(found) && isObject(found.allowed_tools) ? found.allowed_tools : {};
  if (!isArray(tools)) throw unsupported('tool_choice', 'Expected auto, required, none, or a function by its name.');
  const names = tools.flatMap((tool) => (isObject(tool) && isObject(tool.function) ? [tool.function.name] : []));
  if (mode !== 'required') return { config: { mode: 'AUTO' }, offered: names };
  return { config: { mode: 'ANY', allowed_function_names: names.filter(isFilled) }, offered: undefined };
}

function configOf(choice: ToolChoice): JsonObject {
  if (choice === 'auto') return { mode: 'AUTO' };
  if (choice === 'none') return { mode: 'NONE' };
  return choice === 'required' ? { mode: 'ANY' } : { mode: 'ANY', allowed_function_names: [choice.name] };
}

function searchTool(
  { extra }: ChatRequest,
  { hasFunctions, model, drops }: { hasFunctions: boolean; model: string; drops: Drops },
): JsonObject[] {
  const options = extra.web_search_options;
  if (options === undefined || options === null) return [];
  if (!isObject(options)) throw unsupported('web_search_options', 'An object is expected.');
  if (hasFunctions && (modelVersion(model) ?? 0) < 300) {
    drops.drop('web_search_options', `${model} does not search while it has functions.`);
    return [];
  }
  // Google's search takes no wishes.
  for (const [name, value] of Object.entries(options))
    if (value !== null && value !== undefined) drops.dropped.push(`web_search_options.${name}`);
  return [{ googleSearch: {} }];
}
