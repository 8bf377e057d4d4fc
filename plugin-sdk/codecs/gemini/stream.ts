/**
 * Streamed replies of generateContent. Each event has the shape of a whole
 * reply; a candidate has ended when it tells a finish reason.
 */
import type { ChatEvent, EndReason } from '../../contract/chat.ts';
import type { CodecContext, Frame } from '../../contract/wire.ts';
import { maxReplyLength } from '../events.ts';
import { malformed } from '../failures.ts';
import { defined, filled, isArray, isFilled, isObject, type JsonObject, parseJson } from '../values.ts';
import { callId } from './call-ids.ts';
import { type Candidate, type FoundPart, messageFields, readCandidate } from './candidate.ts';
import { innerFailure } from './failure.ts';
import { endReason, geminiOrigin } from './names.ts';
import { readUsage } from './usage.ts';

/** Fields of a delta of OpenAI's, which its writer shows as they are. */
const deltaOrigin = 'openai-chat';

class ChoiceReader {
  readonly #choice: number;
  readonly #messages: number;
  readonly #id: string | undefined;
  #text = '';
  #thoughts = '';
  #calls = 0;
  #rest: JsonObject = {};
  readonly #images: JsonObject[] = [];
  readonly #others: JsonObject[] = [];
  #audio: { readonly data: string; readonly mediaType: string } | undefined;
  isEnded = false;

  constructor(choice: number, { id, messages }: { readonly id: string | undefined; readonly messages: number }) {
    this.#choice = choice;
    this.#id = id;
    this.#messages = messages;
  }

  read({ parts, rest, finish, logprobs }: Candidate): ChatEvent[] {
    if (this.isEnded) return [];
    this.#rest = { ...this.#rest, ...rest };
    const events = parts.flatMap((part) => this.#part(part));
    if (logprobs !== undefined) events.push({ type: 'text-delta', text: '', logprobs });
    if (finish !== undefined) events.push(...this.end(endReason(finish), finish));
    return this.#choice === 0 ? events : events.map((event) => ({ ...event, choice: this.#choice }));
  }

  #part(part: FoundPart): ChatEvent[] {
    switch (part.type) {
      case 'text':
        // Only kept to find the places that citations mean.
        if (this.#text.length < maxReplyLength) this.#text += part.text;
        return [...(part.text === '' ? [] : [textDelta(part.text)]), ...this.#signature(part.signature)];
      case 'thought':
        return this.#thought(part.text, part.signature);
      case 'call': {
        const { name, arguments: text } = part.call;
        const index = this.#calls++;
        const place = { reply: this.#id, messages: this.#messages, choice: this.#choice, index };
        return [{ type: 'tool-call', index, id: callId(part.call, place), name, arguments: text }];
      }
      case 'image': {
        const image = { index: this.#images.length, ...part.image };
        this.#images.push(part.image);
        return [{ type: 'other', origin: deltaOrigin, value: { images: [image] } }];
      }
      case 'audio':
        this.#audio ??= { data: part.data, mediaType: part.mediaType };
        return [
          { type: 'other', origin: deltaOrigin, value: { audio: { data: part.data, mime_type: part.mediaType } } },
        ];
      case 'other':
        this.#others.push(part.value);
        return [];
    }
  }

  #thought(text: string, signature: string | undefined): ChatEvent[] {
    if (this.#thoughts.length < maxReplyLength) this.#thoughts += text;
    const delta: ChatEvent[] = text === '' ? [] : [{ type: 'reasoning-delta', text }];
    if (signature === undefined) return delta;
    const block = { text: this.#thoughts, signature, origin: geminiOrigin };
    this.#thoughts = '';
    return [...delta, { type: 'reasoning-block', block }];
  }

  /** A signature of the text itself: a block without words, behind that of the words thought so far. */
  #signature(signature: string | undefined): ChatEvent[] {
    if (signature === undefined) return [];
    const thought: ChatEvent[] =
      this.#thoughts === '' ? [] : [{ type: 'reasoning-block', block: { text: this.#thoughts } }];
    this.#thoughts = '';
    return [...thought, { type: 'reasoning-block', block: { text: '', signature, origin: geminiOrigin } }];
  }

  end(reason: EndReason, finish: string | undefined): ChatEvent[] {
    this.isEnded = true;
    const shown = { audio: this.#audio, others: this.#others, rest: this.#rest, finish, text: this.#text };
    const message = messageFields({ ...shown, images: this.#images }, this.#id);
    // Pictures and sound have gone out already, piece by piece.
    const { images: _images, audio: _audio, ...late } = message ?? {};
    const other: ChatEvent[] = filled(late) === undefined ? [] : [{ type: 'other', origin: deltaOrigin, value: late }];
    const end = this.#calls > 0 && reason === 'stop' ? 'tool-calls' : reason;
    return [...other, { type: 'end', reason: end, ...(message && { extra: { message } }) }];
  }
}

const textDelta = (text: string): ChatEvent => ({ type: 'text-delta', text });

export class GeminiReader {
  readonly #choices = new Map<number, ChoiceReader>();
  #id: string | undefined;
  #isStarted = false;
  readonly #messages: number;

  constructor({ request }: Pick<CodecContext, 'request'>) {
    this.#messages = request.messages.length;
  }

  /** The events of one object. Throws the error that it may carry. */
  read(payload: JsonObject): ChatEvent[] {
    if (isObject(payload.error)) throw innerFailure(payload);
    const events = this.#start(payload);
    const candidates = isArray(payload.candidates) ? payload.candidates.filter(isObject) : [];
    for (const [position, found] of candidates.entries()) {
      const candidate = readCandidate(found, position);
      events.push(...this.#choice(candidate.index).read(candidate));
    }
    if (this.#choices.size === 0) events.push(...this.#blocked(payload.promptFeedback));
    return [...events, ...this.#told(payload.usageMetadata)];
  }

  /** Ends what a whole reply has begun and not ended: it need not tell why it is one. */
  finish({ usageMetadata }: JsonObject): ChatEvent[] {
    const ends = [...this.#choices].flatMap(([index, choice]) =>
      choice.isEnded
        ? []
        : choice.end('stop', undefined).map((event) => (index === 0 ? event : { ...event, choice: index })),
    );
    return ends.length === 0 ? [] : [...ends, ...this.#told(usageMetadata)];
  }

  get hasChoices(): boolean {
    return this.#choices.size > 0;
  }

  #start(payload: JsonObject): ChatEvent[] {
    const { candidates: _c, promptFeedback: _p, usageMetadata: _u, createTime: _t, error: _e, ...named } = payload;
    const { modelVersion: model, responseId, ...rest } = named;
    if (isFilled(responseId)) this.#id ??= responseId;
    if (this.#isStarted) return [];
    this.#isStarted = true;
    for (const name in rest) if (rest[name] === null) delete rest[name];
    return [
      {
        type: 'start',
        ...defined({ id: this.#id, model: isFilled(model) ? model : undefined, envelope: filled(rest) }),
      },
    ];
  }

  #choice(index: number): ChoiceReader {
    const found = this.#choices.get(index) ?? new ChoiceReader(index, { id: this.#id, messages: this.#messages });
    this.#choices.set(index, found);
    return found;
  }

  /** A prompt that was refused has no candidates: the refusal is the reply. */
  #blocked(feedback: unknown): ChatEvent[] {
    if (!isObject(feedback) || !isFilled(feedback.blockReason)) return [];
    this.#choice(0).isEnded = true;
    const fields = { promptFeedback: feedback, native_finish_reason: feedback.blockReason };
    const value = { provider_specific_fields: fields };
    return [
      { type: 'other', origin: deltaOrigin, value },
      { type: 'end', reason: 'refusal', extra: { message: { content: null, ...value } } },
    ];
  }

  /** Every event counts anew what was said so far: only a count that comes with the end, or behind it, is whole. */
  #told(found: unknown): ChatEvent[] {
    const choices = [...this.#choices.values()];
    if (choices.length === 0 || !choices.every(({ isEnded }) => isEnded)) return [];
    const usage = readUsage(found);
    return usage === undefined ? [] : [{ type: 'usage', ...usage }];
  }
}

/** Reader of one stream. It throws the error that an event may carry. */
export function readEvents(context: Pick<CodecContext, 'request'>): (frame: Frame) => readonly ChatEvent[] {
  const reader = new GeminiReader(context);
  return ({ data }) => {
    if (data.trim() === '') return [];
    const payload = parseJson(data);
    if (!isObject(payload)) throw malformed(data, 'an event in JSON');
    return reader.read(payload);
  };
}
