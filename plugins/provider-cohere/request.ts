/** A neutral request as a body of Cohere's chat, version 2. https://docs.cohere.com/reference/chat */
import type { ChatRequest, Deployment, UpstreamRequest } from '@rutter/plugin-sdk';
import {
  type BodyChange,
  type Drops,
  defined,
  dropsFor,
  imagePart,
  isArray,
  isFilled,
  isObject,
  isString,
  type JsonObject,
  lacking,
  messagesWith,
  openAiAsks,
  openAiChatBody,
  openAiHints,
  plainTools,
} from '@rutter/plugin-sdk/codecs';

const limits = {
  vendor: 'Cohere',
  lacks: [...openAiAsks, 'n', 'top_logprobs', 'parallel_tool_calls'],
  ignores: [...openAiHints, 'user', 'service_tier'],
};

const writeMessages = messagesWith({
  vendor: 'Cohere',
  parts: { image_url: imagePart, document: (part) => part, thinking: (part) => part },
  refusesSilence: true,
  reasoning: withThoughts,
});

/** Ahead of tool calls thoughts are the plan of the call; elsewhere only models that reason read them. */
function withThoughts(message: JsonObject, text: string, { deployment }: BodyChange): JsonObject {
  const { content, tool_calls: calls, ...rest } = message;
  if (calls !== undefined) {
    const plan = text === '' ? {} : { tool_plan: text };
    return { ...rest, tool_calls: calls, ...plan, ...(content !== '' && { content }) };
  }
  if (text === '' || !/reasoning/.test(deployment.model)) return message;
  const parts = isString(content) ? [{ type: 'text', text: content }] : (content as JsonObject[]);
  return { ...message, content: [{ type: 'thinking', thinking: text }, ...parts] };
}

export function writeRequest(
  input: ChatRequest & { readonly deployment: Deployment },
  path: (deployment: Deployment) => string,
): UpstreamRequest {
  const { deployment, ...request } = input;
  const drops = dropsFor(deployment);
  const fields = openAiChatBody({ ...request, spelling: {} });
  for (const name of lacking(fields, limits, { deployment, drops })) delete fields[name];
  const { messages, stop, top_p: p, top_k: k, reasoning_effort: effort, thinking, stream_options: _, ...rest } = fields;
  const { max_completion_tokens: newer, max_tokens: older, ...others } = rest;
  const change: BodyChange = { fields, deployment, drops };
  const body = defined({
    ...others,
    model: deployment.model,
    stream: request.stream,
    messages: writeMessages((messages as unknown[]).filter(isObject), change),
    max_tokens: newer ?? older,
    stop_sequences: stop,
    p,
    k,
    thinking: writeThinking(effort, thinking),
    ...writeTools(fields),
    response_format: writeFormat(fields, drops),
  });
  return { path: path(deployment), body, ...(drops.dropped.length > 0 && { dropped: drops.dropped }) };
}

const budgets: Readonly<Record<string, number>> = { minimal: 1024, low: 1024, medium: 2048 };

/** https://docs.cohere.com/docs/reasoning: on or off, with a bound where less than all is asked for. */
function writeThinking(effort: unknown, found: unknown): JsonObject | undefined {
  if (isObject(found)) {
    const { budget_tokens: budget, type, ...rest } = found;
    return defined({
      ...rest,
      type: type === 'disabled' ? type : 'enabled',
      token_budget: budget ?? rest.token_budget,
    });
  }
  if (!isFilled(effort)) return undefined;
  if (effort === 'none') return { type: 'disabled' };
  return defined({ type: 'enabled', token_budget: Object.hasOwn(budgets, effort) ? budgets[effort] : undefined });
}

/** A tool cannot be chosen by name: where one is, it is the only one offered. */
function writeTools({ tools: found, tool_choice: choice, strict_tools: strict }: Readonly<JsonObject>): JsonObject {
  const tools = plainTools(found, 'Cohere');
  if (tools === undefined || tools.length === 0) return { tools: undefined, tool_choice: undefined };
  const named = isObject(choice) && isObject(choice.function) ? choice.function.name : undefined;
  const offered = tools.filter((tool) => named === undefined || functionOf(tool).name === named);
  const isStrict = strict ?? (offered.some((tool) => functionOf(tool).strict === true) || undefined);
  return {
    tools: offered.map((tool) => {
      const { name, description, parameters } = functionOf(tool);
      return { type: 'function', function: defined({ name, description, parameters }) };
    }),
    tool_choice: choice === 'none' ? 'NONE' : choice === 'required' || named !== undefined ? 'REQUIRED' : undefined,
    strict_tools: isStrict,
  };
}

const functionOf = (tool: JsonObject): JsonObject => (isObject(tool.function) ? tool.function : {});

/** https://docs.cohere.com/docs/structured-outputs: there is no such mode beside tools or documents. */
function writeFormat({ response_format: format, tools, documents }: Readonly<JsonObject>, drops: Drops): unknown {
  if (!isObject(format) || format.type === 'text') return undefined;
  const beside = isArray(tools) && tools.length > 0 ? 'tools' : isArray(documents) ? 'documents' : undefined;
  if (beside !== undefined) {
    drops.drop('response_format', `Cohere writes JSON only without ${beside}; found response_format beside ${beside}.`);
    return undefined;
  }
  const { json_schema: found } = format;
  const schema = isObject(found) && isObject(found.schema) ? found.schema : found;
  return defined({ type: 'json_object', json_schema: isObject(schema) ? schema : undefined });
}
