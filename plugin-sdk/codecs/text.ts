/** The words of a request, and how many tokens they may be. */
import type { ChatRequest, Message } from '../contract/chat.ts';
import type { Call } from '../contract/request.ts';

/** Everything said in the request, message by message, joined by line feeds. */
export const chatText = ({ messages }: Pick<ChatRequest, 'messages'>): string =>
  messages.map(messageText).filter(Boolean).join('\n');

/** The text of one message, parts joined by line feeds. */
export function messageText({ content }: Pick<Message, 'content'>): string {
  if (typeof content === 'string') return content;
  return content.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('\n');
}

/**
 * An estimate, not a count: a token for every four characters, rounded up.
 * Close for English; about half of what Chinese or Japanese really take.
 */
export const estimateTokens = (text: string): number => Math.ceil(text.length / 4);

/** The text that base64 holds, as UTF-8; broken sequences become replacement characters. */
export const base64Text = (data: string): string => Buffer.from(data, 'base64').toString('utf8');

/**
 * What a chat, a completion or an embeddings call asks for, as one text: equal for requests that ask the same. Whether
 * the reply is streamed, and how fields were spelled, makes no difference. ERR_REQUEST_INVALID for other operations.
 */
export const askedText = (call: Call): string =>
  JSON.stringify([
    call.operation,
    call.operation === 'embeddings' ? call.embeddings() : { ...call.chat(), stream: undefined, spelling: undefined },
  ]);
