/** What both operations of Ollama have in common: options, format, thinking. https://docs.ollama.com/api */
import type { ChatRequest, Deployment } from '@rutter/plugin-sdk';
import {
  type Drops,
  defined,
  isFilled,
  isObject,
  type JsonObject,
  lacking,
  openAiAsks,
  openAiChatBody,
  openAiHints,
} from '@rutter/plugin-sdk/codecs';

const limits = {
  vendor: 'Ollama',
  lacks: [...openAiAsks.filter((name) => name !== 'suffix'), 'n', 'parallel_tool_calls'],
  ignores: [...openAiHints, 'user', 'service_tier'],
};

/** Fields of a body that are options of the model's runner: those of OpenAI's names, and Ollama's own written at the top. */
const optionNames: Readonly<Record<string, string>> = {
  temperature: 'temperature',
  top_p: 'top_p',
  top_k: 'top_k',
  min_p: 'min_p',
  typical_p: 'typical_p',
  tfs_z: 'tfs_z',
  seed: 'seed',
  stop: 'stop',
  max_tokens: 'num_predict',
  max_completion_tokens: 'num_predict',
  num_predict: 'num_predict',
  num_ctx: 'num_ctx',
  num_batch: 'num_batch',
  num_gpu: 'num_gpu',
  num_keep: 'num_keep',
  num_thread: 'num_thread',
  main_gpu: 'main_gpu',
  use_mmap: 'use_mmap',
  use_mlock: 'use_mlock',
  low_vram: 'low_vram',
  numa: 'numa',
  repeat_last_n: 'repeat_last_n',
  repeat_penalty: 'repeat_penalty',
  presence_penalty: 'presence_penalty',
  frequency_penalty: 'frequency_penalty',
  penalize_newline: 'penalize_newline',
  mirostat: 'mirostat',
  mirostat_eta: 'mirostat_eta',
  mirostat_tau: 'mirostat_tau',
};

/** A request without its messages, as fields of a body and what of it the tools' side has to look at. */
export interface Common {
  readonly body: JsonObject;
  readonly tools: unknown;
  readonly choice: unknown;
}

/** The body without messages, prompt and tools. */
export function writeCommon(request: ChatRequest, deployment: Deployment, drops: Drops): Common {
  // As the caller spelled it, a single stop word would be no list.
  const fields = openAiChatBody({ ...request, messages: [], spelling: {} });
  for (const name of lacking(fields, limits, { deployment, drops })) delete fields[name];
  const { options: given, tools, tool_choice: choice, response_format: format, ...others } = fields;
  const { reasoning_effort: effort, thinking, messages: _, stream_options: _asked, ...rest } = others;
  const options: JsonObject = {};
  const top: JsonObject = {};
  for (const [name, value] of Object.entries(rest)) {
    const option = Object.hasOwn(optionNames, name) ? optionNames[name] : undefined;
    // Not assigned: a field may have the name of a property of every object.
    const into = option === undefined ? top : options;
    Object.defineProperty(into, option ?? name, { value, enumerable: true, configurable: true, writable: true });
  }
  const all = { ...options, ...(isObject(given) && given) };
  const body = defined({
    format: formatOf(format),
    think: thinkOf(effort, thinking, deployment.model),
    ...top,
    model: deployment.model,
    // Ollama streams unless told not to.
    stream: request.stream,
    options: Object.keys(all).length > 0 ? all : undefined,
  });
  return { body, tools, choice };
}

/** `json`, or a schema. */
function formatOf(format: unknown): unknown {
  if (!isObject(format) || format.type === 'text') return undefined;
  const { json_schema: found } = format;
  return isObject(found) && isObject(found.schema) ? found.schema : 'json';
}

/** Most models can only be told whether to think; those of OpenAI only how much. */
function thinkOf(effort: unknown, thinking: unknown, model: string): unknown {
  const isOff = effort === 'none' || (isObject(thinking) && thinking.type === 'disabled');
  if (!isFilled(effort) && !isObject(thinking)) return undefined;
  if (!/gpt-oss/.test(model)) return !isOff;
  if (!isFilled(effort) || isOff) return isOff ? 'low' : 'medium';
  const steps: Readonly<Record<string, string>> = { minimal: 'low', xhigh: 'high', max: 'high' };
  return Object.hasOwn(steps, effort) ? steps[effort] : effort;
}
