/** `toolConfig`: the tools, the choice among them, and what of both only additional fields can say. */
import { type ChatRequest, type OtherTool, RutterError, type Tool, type ToolChoice } from '@rutter/plugin-sdk';
import { defined, isObject, isString, type JsonObject } from '@rutter/plugin-sdk/codecs';
import { type Block, cachePoint, type Writing } from './content.ts';
import { usesTools } from './messages.ts';
import { isClaude, isOpaque, takesAnyTool, takesNamedTool } from './model.ts';

const emptySchema = { type: 'object', properties: {} };

export interface ToolsContext {
  readonly modifies: boolean;
  readonly isThinking: boolean;
}

export interface WrittenTools {
  readonly toolConfig: JsonObject | undefined;
  /** Of the model's own: `tool_choice` where parallel calls are forbidden, tools that the vendor defines. */
  readonly additional: JsonObject;
}

const none: WrittenTools = { toolConfig: undefined, additional: {} };

export function writeTools(request: ChatRequest, writing: Writing, context: ToolsContext): WrittenTools {
  const { tools = [], toolChoice } = request;
  const native: unknown[] = [];
  const specs = tools.flatMap((tool, index) => writeTool(tool, index, { ...writing, native }));
  const hasHistory = usesTools(request.messages);
  // Converse has no choice that forbids tools: without history they stay away, else their definitions must stay.
  if (toolChoice === 'none' && !hasHistory) return none;
  if (specs.length === 0 && native.length === 0 && hasHistory) specs.push(dummyTool(context.modifies));
  if (specs.length === 0 && native.length === 0) return none;
  if (toolChoice === 'none') writing.drops.dropped.push('tool_choice');
  const chosen = writeChoice(request, specs, writing, context);
  return {
    toolConfig: chosen.specs.length === 0 ? undefined : defined({ tools: chosen.specs, toolChoice: chosen.toolChoice }),
    additional: defined({ tool_choice: chosen.additional, tools: native.length > 0 ? native : undefined }),
  };
}

function writeTool(tool: Tool | OtherTool, index: number, writing: Writing & { native: unknown[] }): Block[] {
  const { names, drops } = writing;
  if ('origin' in tool) {
    const { value } = tool;
    if (isObject(value) && value.type === 'system_tool' && isString(value.name))
      return [{ systemTool: { name: value.name } }];
    // Types of Claude's own tools end in a date, as `bash_20250124` does.
    const isNative = isClaude(writing.model) && isObject(value) && /_\d{8}$/.test(String(value.type));
    if (isNative) writing.native.push(value);
    else drops.drop(`tools[${index}]`, 'Bedrock has no tool of this type.');
    return [];
  }
  const { name, description, parameters, strict, cacheControl, extra } = tool;
  const inner = isObject(extra?.function) ? extra.function : {};
  if (strict === true) drops.dropped.push(`tools[${index}].function.strict`);
  const schema = isObject(parameters) ? { ...parameters, type: 'object' } : emptySchema;
  const spec = {
    toolSpec: defined({
      name: names.write(name),
      description: description?.trim() ? description : undefined,
      inputSchema: { json: schema },
    }),
  };
  const point = cachePoint(cacheControl ?? inner.cache_control, writing);
  return point === undefined ? [spec] : [spec, point];
}

interface Chosen {
  readonly specs: readonly Block[];
  readonly toolChoice?: JsonObject;
  readonly additional?: JsonObject;
}

function writeChoice(
  { toolChoice, parallelToolCalls }: ChatRequest,
  specs: readonly Block[],
  writing: Writing,
  { isThinking }: ToolsContext,
): Chosen {
  const { model, names, drops } = writing;
  let choice: ToolChoice | undefined = toolChoice === 'none' ? undefined : toolChoice;
  // Thinking and a forced tool exclude each other; then the model is only offered its tools.
  if (isThinking && choice !== undefined && choice !== 'auto' && (isClaude(model) || isOpaque(model))) {
    drops.dropped.push('tool_choice');
    choice = 'auto';
  }
  if (parallelToolCalls === false) {
    if (isClaude(model)) return { specs, additional: singleCall(choice, names) };
    drops.drop('parallel_tool_calls', `Of Bedrock's models only Claude can be held to one call at a time.`);
  }
  if (choice === undefined) return { specs };
  if (!takesAnyTool(model)) {
    if (choice !== 'auto') drops.drop('tool_choice', `${model.id} chooses its tools itself.`);
    return { specs };
  }
  if (choice === 'auto') return { specs, toolChoice: { auto: {} } };
  if (choice === 'required') return { specs, toolChoice: { any: {} } };
  const name = names.write(choice.name);
  if (takesNamedTool(model)) return { specs, toolChoice: { tool: { name } } };
  // Any of one tool is that tool.
  const only = specs.filter(({ toolSpec }) => isObject(toolSpec) && toolSpec.name === name);
  return { specs: only.length > 0 ? only : specs, toolChoice: { any: {} } };
}

function singleCall(choice: ToolChoice | undefined, names: Writing['names']): JsonObject {
  const single = { disable_parallel_tool_use: true };
  if (choice === 'required') return { type: 'any', ...single };
  if (isObject(choice)) return { type: 'tool', name: names.write(choice.name as string), ...single };
  return { type: 'auto', ...single };
}

function dummyTool(isAllowed: boolean): Block {
  if (isAllowed)
    return {
      toolSpec: {
        name: 'dummy_tool',
        description: 'Stands in for tools of earlier turns; not to be called.',
        inputSchema: { json: emptySchema },
      },
    };
  throw new RutterError(
    'ERR_REQUEST_UNSUPPORTED_PARAMETER',
    'tools: found none although the messages hold tool calls; Bedrock expects their definitions. Send tools, or set modify_params: true on the deployment.',
    { param: 'tools' },
  );
}
