/**
 * How a model behind Converse is held to a JSON Schema: by a tool it must
 * call, and where it cannot be made to call one, by `outputConfig` (Claude
 * from 4.5 on) or in words.
 * https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html
 */
import type { ChatRequest, Deployment, ResponseFormat } from '@rutter/plugin-sdk';
import { dropsFor, type JsonObject, nativeClaudeSchema } from '@rutter/plugin-sdk/codecs';
import { isClaude, modelOf, takesTools } from './model.ts';
import { writeThinking } from './reasoning.ts';

/** `best` is what Claude's own API would do. */
export function bestStructure(
  deployment: Deployment,
  request: ChatRequest,
  best: () => 'native' | 'tool' | 'json',
): 'native' | 'tool' | 'json' {
  const model = modelOf(deployment);
  if (!takesTools(model)) return 'json';
  const drops = dropsFor({ ...deployment, params: { ...deployment.params, drop_params: true } });
  const { isThinking } = writeThinking(request, { deployment, model, drops });
  if (!isThinking) return 'tool';
  return isClaude(model) ? best() : 'json';
}

/** `outputConfig` for a schema; undefined for one that it cannot be told of. */
export function outputConfig(format: Extract<ResponseFormat, { type: 'json-schema' }>): JsonObject | undefined {
  const { name, description, schema } = format;
  const written = nativeClaudeSchema(schema);
  if (written === undefined) return undefined;
  const jsonSchema = { schema: JSON.stringify(written), name, ...(description !== undefined && { description }) };
  return { textFormat: { type: 'json_schema', structure: { jsonSchema } } };
}
