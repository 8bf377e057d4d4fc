/**
 * Reads along in the bytes of a reply without building values.
 *
 * One pass finds the model's name, usage and error by their offsets, whether
 * there is output, and how long it is. A text of this size costs a fraction
 * of parsing it, and on a stream it happens for every token.
 */
import { endReason, finishReason } from './names.ts';

const quote = 0x22;
const backslash = 0x5c;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const comma = 0x2c;
const colon = 0x3a;
const letterN = 0x6e;
const letterU = 0x75;

const name = (text: string) => new TextEncoder().encode(text);
const names = {
  model: name('model'),
  usage: name('usage'),
  error: name('error'),
  object: name('object'),
  tier: name('service_tier'),
  choices: name('choices'),
  data: name('data'),
  groq: name('x_groq'),
  filters: name('prompt_filter_results'),
  index: name('index'),
  delta: name('delta'),
  message: name('message'),
  text: name('text'),
  finish: name('finish_reason'),
  function: name('function'),
  arguments: name('arguments'),
  toolName: name('name'),
};

const reasoningContent = name('reasoning_content');
const reasoningAlone = name('reasoning');

/** Members of a delta or message whose filled strings are output, those that tell reasoning apart. */
const outputStrings = ['content', 'refusal'].map(name);
/** Members whose filled objects or arrays are output. */
const outputValues = ['content', 'thinking_blocks', 'audio', 'function_call'].map(name);
const toolCalls = name('tool_calls');
/** Reasons to finish that clients of OpenAI know. */
const usualFinishes = ['stop', 'length', 'tool_calls', 'content_filter', 'function_call'].map(name);

const topLevel = 0;
const choiceLevel = 1;
const deltaLevel = 2;
const callLevel = 3;
const functionLevel = 4;
type Level = 0 | 1 | 2 | 3 | 4;

const isSpace = (byte: number | undefined) => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

const noBytes = new Uint8Array(0);

/** Text in place of the bytes between two offsets. */
export interface Mend {
  readonly start: number;
  readonly end: number;
  readonly to: string;
}

/** A member that tells reasoning; `end` is 0 where there is none. */
interface NamedMember {
  start: number;
  end: number;
  isFilled: boolean;
}

/** Offsets are into the bytes given; an end of 0 says there is no such value, or that it is null. */
export class ReplyScan {
  modelStart = 0;
  modelEnd = 0;
  usageStart = 0;
  usageEnd = 0;
  groqStart = 0;
  groqEnd = 0;
  filtersStart = 0;
  filtersEnd = 0;
  /** Behind the opening brace. */
  objectStart = 0;
  errorEnd = 0;
  tierStart = 0;
  tierEnd = 0;
  /** Choices, or entries of `data`; -1 when there is no such array. */
  entries = -1;
  hasOutput = false;
  /** Characters of output. */
  outputLength = 0;
  /** Indices of the choices that finished here. */
  readonly finished: number[] = [];
  /** Indices of the choices with output here. */
  readonly active: number[] = [];
  /** Reasoning in a member `reasoning`, and reasons to finish that no client of OpenAI knows; in no order. */
  readonly mends: Mend[] = [];

  readonly #told: NamedMember = { start: 0, end: 0, isFilled: false };
  readonly #toldAlone: NamedMember = { start: 0, end: 0, isFilled: false };
  #bytes: Uint8Array = noBytes;
  #at = 0;
  #end = 0;
  #length = 0;
  #choice = 0;
  #isFinished = false;
  #isActive = false;

  /** Scans one JSON object. False when it is not one, or is cut off. */
  scan(bytes: Uint8Array, start: number, end: number): boolean {
    this.modelEnd = this.usageEnd = this.groqEnd = this.filtersEnd = this.errorEnd = this.tierEnd = 0;
    this.entries = -1;
    this.finished.length = this.active.length = this.mends.length = 0;
    this.#isFinished = this.#isActive = false;
    this.hasOutput = false;
    this.outputLength = 0;
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
    this.#space();
    this.objectStart = this.#at + 1;
    if (!this.#object(topLevel)) return false;
    this.#space();
    return this.#at === end;
  }

  #space(): void {
    while (this.#at < this.#end && isSpace(this.#bytes[this.#at])) this.#at++;
  }

  #object(level: Level): boolean {
    const bytes = this.#bytes;
    if (bytes[this.#at] !== openBrace || this.#at >= this.#end) return false;
    this.#at++;
    this.#space();
    if (bytes[this.#at] === closeBrace && this.#at < this.#end) {
      this.#at++;
      return true;
    }
    while (this.#at < this.#end) {
      const keyStart = this.#at + 1;
      if (!this.#string()) return false;
      const keyEnd = this.#at - 1;
      this.#space();
      if (bytes[this.#at] !== colon) return false;
      this.#at++;
      this.#space();
      if (this.#at >= this.#end || !this.#member(level, keyStart, keyEnd)) return false;
      this.#space();
      const next = bytes[this.#at++];
      if (next === closeBrace) return this.#at <= this.#end;
      if (next !== comma) return false;
      this.#space();
    }
    return false;
  }

  #is(word: Uint8Array, start: number, end: number): boolean {
    if (end - start !== word.length) return false;
    for (let at = 0; at < word.length; at++) if (this.#bytes[start + at] !== word[at]) return false;
    return true;
  }

  #isOneOf(words: readonly Uint8Array[], start: number, end: number): boolean {
    for (const word of words) if (this.#is(word, start, end)) return true;
    return false;
  }

  #member(level: Level, start: number, end: number): boolean {
    switch (level) {
      case topLevel:
        return this.#topMember(start, end);
      case choiceLevel:
        return this.#choiceMember(start, end);
      case deltaLevel:
        return this.#deltaMember(start, end);
      case callLevel:
        return this.#is(names.function, start, end) ? this.#nested(functionLevel) : this.#skip();
      default: {
        if (!this.#is(names.arguments, start, end) && !this.#is(names.toolName, start, end)) return this.#skip();
        return this.#counted();
      }
    }
  }

  #topMember(start: number, end: number): boolean {
    const valueStart = this.#at;
    const isNull = this.#bytes[valueStart] === letterN;
    if (this.#is(names.choices, start, end) || this.#is(names.data, start, end)) {
      return this.#array(choiceLevel);
    }
    if (!this.#skip()) return false;
    if (isNull) return true;
    if (this.#is(names.model, start, end)) {
      this.modelStart = valueStart;
      this.modelEnd = this.#at;
    } else if (this.#is(names.usage, start, end)) {
      this.usageStart = valueStart;
      this.usageEnd = this.#at;
    } else if (this.#is(names.error, start, end) || this.#isErrorObject(valueStart, start, end)) {
      this.errorEnd = this.#at;
    } else if (this.#is(names.tier, start, end)) {
      this.tierStart = valueStart;
      this.tierEnd = this.#at;
    } else if (this.#is(names.groq, start, end)) {
      this.groqStart = valueStart;
      this.groqEnd = this.#at;
    } else if (this.#is(names.filters, start, end)) {
      this.filtersStart = valueStart;
      this.filtersEnd = this.#at;
    }
    return true;
  }

  /** `"object": "error"`, beside which the error's own members stand. */
  #isErrorObject(valueStart: number, start: number, end: number): boolean {
    return this.#is(names.object, start, end) && this.#is(names.error, valueStart + 1, this.#at - 1);
  }

  #choiceMember(start: number, end: number): boolean {
    if (this.#is(names.delta, start, end) || this.#is(names.message, start, end)) return this.#delta();
    if (this.#is(names.text, start, end)) return this.#counted();
    const valueStart = this.#at;
    if (this.#is(names.index, start, end)) {
      if (!this.#skip()) return false;
      this.#choice = 0;
      for (let at = valueStart; at < this.#at; at++) this.#choice = this.#choice * 10 + ((this.#bytes[at] ?? 0) - 0x30);
      return true;
    }
    const isFinish = this.#bytes[valueStart] === quote && this.#is(names.finish, start, end);
    if (!this.#skip()) return false;
    if (isFinish && this.#length > 0) this.#finish(valueStart + 1, this.#at - 1);
    else if (this.#bytes[valueStart] === openBrace && this.#is(names.error, start, end)) this.errorEnd = this.#at;
    return true;
  }

  #finish(start: number, end: number): void {
    this.#isFinished = true;
    if (this.#isOneOf(usualFinishes, start, end)) return;
    if (this.#is(names.error, start, end)) this.errorEnd = end;
    else
      this.mends.push({
        start,
        end,
        to: finishReason(endReason(Buffer.from(this.#bytes.subarray(start, end)).toString())),
      });
  }

  #delta(): boolean {
    const told = this.#told;
    const alone = this.#toldAlone;
    told.end = alone.end = 0;
    if (!this.#nested(deltaLevel)) return false;
    if (alone.end === 0 || !alone.isFilled || (told.end > 0 && told.isFilled)) return true;
    this.mends.push({ start: alone.start, end: alone.end, to: 'reasoning_content' });
    // An empty member of the name that is wanted gives it up: no object has two of one name.
    if (told.end > 0) this.mends.push({ start: told.start, end: told.end, to: 'reasoning' });
    return true;
  }

  /** A member that tells reasoning, and where its name stands. */
  #reasoning(member: NamedMember, start: number, end: number): boolean {
    const valueStart = this.#at;
    member.start = start;
    member.end = end;
    if (!this.#counted()) return false;
    member.isFilled = this.#bytes[valueStart] === quote && this.#at - valueStart > 2;
    return true;
  }

  #deltaMember(start: number, end: number): boolean {
    const first = this.#bytes[this.#at];
    if (this.#is(reasoningContent, start, end)) return this.#reasoning(this.#told, start, end);
    if (this.#is(reasoningAlone, start, end)) return this.#reasoning(this.#toldAlone, start, end);
    if (this.#is(toolCalls, start, end)) return first === openBracket ? this.#array(callLevel) : this.#skip();
    if (first === quote && this.#isOneOf(outputStrings, start, end)) return this.#counted();
    if ((first === openBrace || first === openBracket) && this.#isOneOf(outputValues, start, end)) {
      const valueStart = this.#at;
      if (!this.#skip()) return false;
      // Two bytes are an empty array or object.
      if (this.#at - valueStart > 2) this.#output(this.#at - valueStart);
      return true;
    }
    return this.#skip();
  }

  #output(length: number): void {
    this.hasOutput = true;
    this.#isActive = true;
    this.outputLength += length;
  }

  #counted(): boolean {
    const isString = this.#bytes[this.#at] === quote;
    if (!this.#skip()) return false;
    if (isString && this.#length > 0) this.#output(this.#length);
    return true;
  }

  /** An object to look into, or any other value to step over. */
  #nested(level: Level): boolean {
    return this.#bytes[this.#at] === openBrace ? this.#object(level) : this.#skip();
  }

  #array(level: Level): boolean {
    const bytes = this.#bytes;
    if (bytes[this.#at] !== openBracket) return this.#skip();
    if (level === choiceLevel) this.entries = 0;
    this.#at++;
    this.#space();
    if (bytes[this.#at] === closeBracket && this.#at < this.#end) {
      this.#at++;
      return true;
    }
    while (this.#at < this.#end) {
      if (level === choiceLevel) {
        this.entries++;
        this.#choice = 0;
      } else this.#output(0);
      if (!this.#nested(level)) return false;
      if (level === choiceLevel) this.#settle();
      this.#space();
      const next = bytes[this.#at++];
      if (next === closeBracket) return this.#at <= this.#end;
      if (next !== comma) return false;
      this.#space();
    }
    return false;
  }

  // A choice's index may follow its members, so what was found is put under it at its end.
  #settle(): void {
    if (this.#isFinished) this.finished.push(this.#choice);
    if (this.#isActive) this.active.push(this.#choice);
    this.#isFinished = this.#isActive = false;
  }

  #skip(): boolean {
    const first = this.#bytes[this.#at];
    if (first === quote) return this.#string();
    if (first === openBrace || first === openBracket) return this.#deep();
    const start = this.#at;
    while (this.#at < this.#end) {
      const byte = this.#bytes[this.#at];
      if (byte === comma || byte === closeBrace || byte === closeBracket || isSpace(byte)) break;
      this.#at++;
    }
    return this.#at > start;
  }

  #deep(): boolean {
    const bytes = this.#bytes;
    const end = this.#end;
    let depth = 0;
    while (this.#at < end) {
      const byte = bytes[this.#at];
      if (byte === quote) {
        if (!this.#string()) return false;
        continue;
      }
      this.#at++;
      if (byte === openBrace || byte === openBracket) depth++;
      else if ((byte === closeBrace || byte === closeBracket) && --depth === 0) return true;
    }
    return false;
  }

  /** Steps over a string and counts its characters. */
  #string(): boolean {
    const bytes = this.#bytes;
    const end = this.#end;
    if (bytes[this.#at] !== quote) return false;
    let length = 0;
    for (let at = this.#at + 1; at < end; at++) {
      const byte = bytes[at]!;
      if (byte === quote) {
        this.#at = at + 1;
        this.#length = length;
        return true;
      }
      if (byte === backslash) at += bytes[at + 1] === letterU ? 5 : 1;
      else if ((byte & 0xc0) === 0x80) continue;
      length++;
    }
    return false;
  }
}
