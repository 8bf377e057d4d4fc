/** Arguments of tool calls as the caller sent them: JSON inside a string, which codecs have to parse. */
import type { ChatRequest, Message } from '@rutter/plugin-sdk';
import type { JsonBody } from '../http/json-body.ts';

/** The request itself where no stand-in is in place of arguments. */
export function withWholeCalls(request: ChatRequest, body: Pick<JsonBody, 'isWhole' | 'whole'>): ChatRequest {
  const isCut = ({ toolCalls = [] }: Message) => toolCalls.some((call) => !body.isWhole(call.arguments));
  if (!request.messages.some(isCut)) return request;
  const mended = (message: Message): Message =>
    isCut(message)
      ? {
          ...message,
          toolCalls: (message.toolCalls ?? []).map((call) => ({ ...call, arguments: body.whole(call.arguments) })),
        }
      : message;
  return { ...request, messages: request.messages.map(mended) };
}
