/** What was asked, as words for a prompt; and what models answer, as values. */
import type { ChatRequest, Message } from '../contract/chat.ts';

const textOf = ({ content }: Message): string =>
  typeof content === 'string'
    ? content
    : content.map((part) => (part.type === 'text' ? part.text : `[${part.type}]`)).join('\n');

const cut = (text: string, most: number) => (text.length <= most ? text : `${text.slice(0, most)} […]`);

/** The words of the last thing the user said. */
export function questionOf(messages: readonly Message[], most = 16_000): string {
  const last = messages.findLast(({ role }) => role === 'user');
  return last === undefined ? '' : cut(textOf(last).trim(), most);
}

/** The whole conversation as a transcript; of a long one its end, whole turns where they fit. */
export function transcriptOf(messages: readonly Message[], most = 16_000): string {
  const turns = messages.filter(({ role }) => role !== 'tool').map((one) => `${one.role}: ${textOf(one).trim()}`);
  if (turns.length === 1) return questionOf(messages, most);
  const text = turns.join('\n\n');
  return text.length <= most ? text : `[…] ${text.slice(-most)}`;
}

/** Why calls around this one would change what it means; undefined where they would not. */
export function whyPlain({ tools, count = 1, messages, responseFormat }: ChatRequest): string | undefined {
  if ((tools ?? []).length > 0) return 'the request has tools';
  if (count > 1) return 'several replies are asked for';
  if (messages.some(({ role }) => role === 'tool')) return 'the conversation has tool results';
  if (responseFormat !== undefined && responseFormat.type !== 'text') return 'a reply in JSON is asked for';
  return questionOf(messages) === '' ? 'there is no question in words' : undefined;
}

/** What is first of these to be JSON in a text: all of it, a fenced block, or what stands between outer brackets. */
export function jsonIn(text: string): unknown {
  const fenced = /```(?:json)?\s*\n?([\s\S]*?)```/i.exec(text)?.[1];
  const from = text.search(/[[{]/);
  const to = Math.max(text.lastIndexOf('}'), text.lastIndexOf(']'));
  const outer = from >= 0 && to > from ? text.slice(from, to + 1) : undefined;
  for (const one of [text, fenced, outer]) {
    if (one === undefined) continue;
    try {
      return JSON.parse(one);
    } catch {
      // The next form of it.
    }
  }
  return undefined;
}
