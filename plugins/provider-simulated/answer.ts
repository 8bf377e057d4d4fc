/** What the simulated model says: the script's words, a tool call, JSON by schema, or a friendly echo. */
import type { EndReason, Usage } from '@rutter/plugin-sdk';
import { estimateTokens } from '@rutter/plugin-sdk/codecs';
import { chanceFrom, hashOf } from './chance.ts';
import { asString, isObject, messagesOf, type OfferedTool, textOf, toolsOf, type WireObject } from './fields.ts';
import { valueFor } from './schema-values.ts';
import { type Script, withoutMarkers } from './script.ts';

export interface Called {
  readonly id: string;
  readonly name: string;
  readonly arguments: string;
}

export interface Answer {
  /** The text, token by token. */
  readonly tokens: readonly string[];
  readonly reasoning: readonly string[];
  readonly refusal: string | undefined;
  readonly calls: readonly Called[];
  readonly end: EndReason;
}

const echoLength = 160;
const filler = 'the ship keeps her course by the stars and the book of routes while the crew sleeps below'.split(' ');

/** The same request always gets the same answer; `choice` tells alternatives apart. */
export function answerTo(body: WireObject, script: Script, choice: number): Answer {
  const seed = hashOf(`${choice} ${JSON.stringify([body.model, body.messages ?? body.prompt, body.seed])}`);
  const calls = script.refusal === undefined ? callsFor(body, script, seed) : [];
  const text = calls.length > 0 || script.refusal !== undefined ? '' : textFor(body, script, seed);
  const stopped = beforeStop(text, body.stop);
  const all = tokensOf(stopped);
  const limit = limitOf(body);
  const tokens = all.slice(0, limit);
  return {
    tokens,
    reasoning: tokensOf(script.reasoning ?? ''),
    refusal: script.refusal,
    calls,
    end: endOf(script, { isCut: tokens.length < all.length, hasCalls: calls.length > 0 }),
  };
}

/** A word and the space after it. */
const tokensOf = (text: string): string[] => text.match(/\s*\S+\s*/gu) ?? [];

/** What is reported as used; undefined for none. */
export function usageOf(body: WireObject, script: Script, answers: readonly Answer[]): Usage | undefined {
  if (script.usage === null) return undefined;
  const asked = messagesOf(body).map(textOf).join('\n');
  const of = (count: (answer: Answer) => number) => answers.reduce((sum, answer) => sum + count(answer), 0);
  return {
    input: estimateTokens(asked),
    output: of(outputTokens),
    reasoning: of(({ reasoning }) => reasoning.length),
    ...Object.fromEntries(Object.entries(script.usage ?? {}).filter(([, count]) => count !== undefined)),
  };
}

function outputTokens({ tokens, calls, refusal }: Answer): number {
  const called = calls.map((call) => `${call.name}${call.arguments}`).join('');
  return tokens.length + tokensOf(refusal ?? '').length + estimateTokens(called);
}

function callsFor(body: WireObject, script: Script, seed: number): Called[] {
  const called = script.toolCalls ?? generatedCalls(body, seed);
  return called.map(({ name, arguments: given }, index) => ({
    id: `call_${hashOf(`${seed} ${index} ${name}`).toString(16).padStart(8, '0')}`,
    name,
    arguments: JSON.stringify(given),
  }));
}

function generatedCalls(body: WireObject, seed: number) {
  const tool = wantedTool(body);
  if (tool === undefined) return [];
  const given = valueFor(tool.parameters ?? { type: 'object' }, chanceFrom(seed));
  return [{ name: tool.name, arguments: isObject(given) ? given : {} }];
}

/** The tool the caller insists on, or one that the last message of the user names. */
function wantedTool(body: WireObject): OfferedTool | undefined {
  const tools = toolsOf(body);
  const { tool_choice: choice } = body;
  if (choice === 'none') return undefined;
  if (choice === 'required') return tools[0];
  if (isObject(choice) && isObject(choice.function)) {
    const { name } = choice.function;
    return tools.find((tool) => tool.name === name);
  }
  const last = messagesOf(body).at(-1);
  if (last?.role !== 'user') return undefined;
  const asked = textOf(last).toLowerCase();
  return tools.find(
    ({ name }) => asked.includes(name.toLowerCase()) || asked.includes(name.toLowerCase().replaceAll(/[_-]/g, ' ')),
  );
}

function textFor(body: WireObject, script: Script, seed: number): string {
  const question = questionOf(body);
  if (script.reply !== undefined)
    return script.reply.replaceAll('{question}', () => question).replaceAll('{model}', () => asString(body.model));
  if (script.tokens !== undefined)
    return Array.from({ length: script.tokens }, (_, index) => filler[(seed + index) % filler.length]).join(' ');
  const schema = schemaOf(body.response_format);
  if (schema !== undefined) return JSON.stringify(valueFor(schema, chanceFrom(seed)));
  const last = messagesOf(body).at(-1);
  if (last?.role === 'tool')
    return `I am the simulated provider of this gateway, and the tool answered: "${short(textOf(last))}"`;
  return `I am the simulated provider of this gateway, and no model was asked; you said: "${short(question)}"`;
}

function questionOf(body: WireObject): string {
  const asked = messagesOf(body).findLast(({ role }) => role === 'user');
  return asked === undefined ? '' : withoutMarkers(textOf(asked));
}

const short = (text: string) =>
  text.length > echoLength ? `${Array.from(text).slice(0, echoLength).join('')}…` : text;

const anyAnswer = { type: 'object', properties: { answer: { type: 'string' } }, required: ['answer'] };

function schemaOf(format: unknown): unknown {
  if (!isObject(format)) return undefined;
  if (format.type === 'json_object') return anyAnswer;
  return format.type === 'json_schema' && isObject(format.json_schema)
    ? (format.json_schema.schema ?? anyAnswer)
    : undefined;
}

function beforeStop(text: string, stop: unknown): string {
  const places = [stop]
    .flat()
    .flatMap((word) => (typeof word === 'string' && word !== '' && text.includes(word) ? [text.indexOf(word)] : []));
  return places.length === 0 ? text : text.slice(0, Math.min(...places));
}

function limitOf(body: WireObject): number {
  const limit = body.max_completion_tokens ?? body.max_tokens;
  return typeof limit === 'number' && limit >= 0 ? limit : Number.POSITIVE_INFINITY;
}

function endOf(script: Script, { isCut, hasCalls }: { isCut: boolean; hasCalls: boolean }): EndReason {
  if (script.finish !== undefined) return script.finish === 'content_filter' ? 'refusal' : script.finish;
  if (hasCalls) return 'tool-calls';
  return isCut ? 'length' : 'stop';
}
