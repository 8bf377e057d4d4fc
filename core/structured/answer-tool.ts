/**
 * The tool that a model is made to answer with, and its call taken back into
 * content: nobody but the vendor sees that there was a tool.
 */
import type { ChatEvent, ChatReply, ChatRequest, Choice, ToolCall } from '@rutter/plugin-sdk';

/** Holds the value where a schema's root is no object, which the input of a tool must be. */
const valueKey = 'values';
const usualName = 'json_tool_call';
/** What a model says ahead of its answer is short; more than this is the answer itself. */
const mostHeld = 64 * 1024;

type Schema = Readonly<Record<string, unknown>>;

const isSchema = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** An object's schema, and how a value that fits it becomes the one asked for. */
export interface ObjectSchema {
  readonly schema: Schema;
  readonly isWrapped: boolean;
}

/** The schema itself where its root is an object, else one of an object that holds the value. */
export function asObjectSchema(schema: unknown): ObjectSchema {
  const own = isSchema(schema) ? schema : {};
  if (own.type === undefined && !hasOtherRoot(own)) return { schema: { type: 'object', ...own }, isWrapped: false };
  if (own.type === 'object') return { schema: own, isWrapped: false };
  // References point at the root, so definitions have to move there.
  const { $defs, definitions, $schema, ...rest } = own;
  const around = {
    $schema,
    type: 'object',
    properties: { [valueKey]: rest },
    required: [valueKey],
    $defs,
    definitions,
  };
  return {
    schema: Object.fromEntries(Object.entries(around).filter(([, value]) => value !== undefined)),
    isWrapped: true,
  };
}

/** Whether a root without a type may be something else than an object. */
const hasOtherRoot = ({ $ref, anyOf, oneOf, allOf, enum: among, const: only }: Schema) =>
  [$ref, anyOf, oneOf, allOf, among, only].some((keyword) => keyword !== undefined);

/** The value asked for, of what came in the object around it. */
export const unwrapped = (value: unknown, { isWrapped }: Pick<ObjectSchema, 'isWrapped'>): unknown =>
  isWrapped && isSchema(value) && value[valueKey] !== undefined ? value[valueKey] : value;

export class AnswerTool {
  readonly name: string;
  readonly #root: ObjectSchema;
  readonly #description: string;

  /** `description` is the schema's own. */
  constructor({ tools = [] }: Pick<ChatRequest, 'tools'>, schema: unknown, description: string | undefined) {
    const taken = new Set(tools.map((tool) => ('name' in tool ? tool.name : '')));
    let name = usualName;
    for (let count = 2; taken.has(name); count++) name = `${usualName}_${count}`;
    this.name = name;
    this.#root = asObjectSchema(schema);
    this.#description = `Gives the answer to the user. ${description ?? ''}`.trim();
  }

  /** The request with the tool at hand and no other way to answer. A caller who wants one of the own tools called gets that call instead. */
  ask(request: ChatRequest): ChatRequest {
    const { responseFormat: _, toolChoice, tools = [], ...rest } = request;
    if (toolChoice === 'required' || typeof toolChoice === 'object') return { ...rest, tools, toolChoice };
    const own = { name: this.name, description: this.#description, parameters: this.#root.schema };
    const isAlone = tools.length === 0 || toolChoice === 'none';
    return { ...rest, tools: [...tools, own], toolChoice: isAlone ? { name: this.name } : 'required' };
  }

  /** The text that a call's arguments stand for; arguments that broke off stay as they are. */
  text(json: string): string {
    if (json.trim() === '') return '{}';
    if (!this.#root.isWrapped) return json;
    try {
      return JSON.stringify(unwrapped(JSON.parse(json), this.#root));
    } catch {
      return json;
    }
  }

  reply(reply: ChatReply): ChatReply {
    const { others } = reply;
    const first = this.#choice(reply);
    return others === undefined ? first : { ...first, others: others.map((choice) => this.#choice(choice)) };
  }

  #choice<T extends Choice>(choice: T): T {
    const answer = choice.toolCalls?.find(({ name }) => name === this.name);
    if (answer === undefined) return choice;
    const { toolCalls = [], ...rest } = choice;
    const others: readonly ToolCall[] = toolCalls.filter(({ name }) => name !== this.name);
    return {
      ...rest,
      text: this.text(answer.arguments),
      ...(others.length > 0 && { toolCalls: others }),
      end: choice.end === 'tool-calls' && others.length === 0 ? 'stop' : choice.end,
    } as unknown as T;
  }

  /** The same of a stream: a reader that takes events as they come. */
  reader(): (events: readonly ChatEvent[]) => readonly ChatEvent[] {
    const choices = new Map<number, AnswerReader>();
    return (events) =>
      events.flatMap((event): readonly ChatEvent[] => {
        if (event.type === 'start' || event.type === 'usage' || event.type === 'other') return [event];
        const index = event.choice ?? 0;
        const reader = choices.get(index) ?? new AnswerReader(this, index, this.#root.isWrapped);
        choices.set(index, reader);
        return reader.read(event);
      });
  }
}

class AnswerReader {
  readonly #tool: AnswerTool;
  readonly #choice: { readonly choice?: number };
  /** A wrapped value can only be taken out of its object when that is whole. */
  readonly #isWrapped: boolean;
  /** Text ahead of the first call, of which nobody knows yet whether it is the answer. */
  #held: ChatEvent[] = [];
  #heldLength = 0;
  #isHolding = true;
  /** Index of the answer among the model's calls. */
  #answer: number | undefined;
  #json = '';
  /** Where the caller's own calls stand once the answer is taken out. */
  readonly #indices = new Map<number, number>();

  constructor(tool: AnswerTool, index: number, isWrapped: boolean) {
    this.#tool = tool;
    this.#choice = index === 0 ? {} : { choice: index };
    this.#isWrapped = isWrapped;
  }

  read(event: Exclude<ChatEvent, { type: 'start' | 'usage' | 'other' }>): readonly ChatEvent[] {
    switch (event.type) {
      case 'text-delta':
        return this.#text(event);
      case 'tool-call':
        return event.name === this.#tool.name ? this.#open(event) : [...this.#release(), this.#moved(event)];
      case 'tool-call-delta':
        if (event.index === this.#answer) return this.#grow(event.arguments);
        return this.#indices.has(event.index) ? [this.#moved(event)] : [];
      case 'end':
        return [...this.#close(), this.#ended(event)];
      default:
        return [event];
    }
  }

  #text(event: Extract<ChatEvent, { type: 'text-delta' }>): readonly ChatEvent[] {
    if (this.#answer !== undefined) return [];
    if (!this.#isHolding) return [event];
    this.#held.push(event);
    this.#heldLength += event.text.length;
    return this.#heldLength > mostHeld ? this.#release() : [];
  }

  #release(): readonly ChatEvent[] {
    const held = this.#held;
    this.#held = [];
    this.#isHolding = false;
    return held;
  }

  #open({ index, arguments: json = '' }: Extract<ChatEvent, { type: 'tool-call' }>): readonly ChatEvent[] {
    // A second answer is no answer to anything.
    if (this.#answer !== undefined) return [];
    this.#release();
    this.#answer = index;
    return this.#grow(json);
  }

  #grow(json: string): readonly ChatEvent[] {
    if (json === '') return [];
    this.#json = this.#isWrapped ? this.#json + json : json;
    return this.#isWrapped ? [] : [{ type: 'text-delta', text: json, ...this.#choice }];
  }

  #close(): readonly ChatEvent[] {
    if (this.#answer === undefined) return this.#release();
    const isMissing = this.#isWrapped || this.#json === '';
    return isMissing ? [{ type: 'text-delta', text: this.#tool.text(this.#json), ...this.#choice }] : [];
  }

  #moved<T extends { readonly index: number }>(event: T): T {
    const index = this.#indices.get(event.index) ?? this.#indices.size;
    this.#indices.set(event.index, index);
    return { ...event, index };
  }

  #ended(event: Extract<ChatEvent, { type: 'end' }>): ChatEvent {
    const isAnswer = this.#answer !== undefined && this.#indices.size === 0 && event.reason === 'tool-calls';
    return isAnswer ? { ...event, reason: 'stop' } : event;
  }
}
