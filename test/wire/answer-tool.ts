/** The tool that models without a parameter for a schema are made to answer with, as the vendor sees it. */
import { type Asked, fieldsOf, isObject, type Truth } from './truth.ts';

const answerName = 'json_tool_call';

const toolOf = ({ tools }: Asked) => tools.find(({ name }) => name === answerName);

/** What the client asked: a schema, where the vendor was asked for a call of the tool. */
export function withoutAnswerTool(asked: Asked): Asked {
  const tool = toolOf(asked);
  if (tool === undefined) return asked;
  const { required, properties } = fieldsOf(tool.schema);
  const isWrapped = Array.isArray(required) && required.length === 1 && required[0] === 'values';
  const schema = isWrapped ? fieldsOf(properties).values : tool.schema;
  return { ...asked, schema, choice: 'auto', tools: asked.tools.filter((one) => one !== tool) };
}

/** A model that has to answer by the tool does so; one that would rather call another of its tools may. */
export function byAnswerTool(truth: Truth, asked: Asked): Truth {
  if (toolOf(asked) === undefined || truth.text === undefined || truth.calls !== undefined) return truth;
  const value: unknown = JSON.parse(truth.text);
  const { text: _, ...rest } = truth;
  const input = isObject(value) ? value : { values: value };
  return { ...rest, calls: [{ id: 'call_json', name: answerName, input }], finish: 'tool_calls' };
}
