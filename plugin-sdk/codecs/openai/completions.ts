/** Text completions bodies to and from the neutral chat model. */
import type { ChatRequest } from '../../contract/chat.ts';
import { RutterError } from '../../contract/errors.ts';
import type { Fields } from '../../contract/wire.ts';
import { unsupported } from '../failures.ts';
import { messageText } from '../text.ts';
import { defined, isArray, isNumber, isString, type JsonObject } from '../values.ts';
import { readChat } from './chat-read.ts';
import { writeChat } from './chat-write.ts';

/** The words of a prompt; tokens have none. */
export const promptTexts = (prompt: unknown): string[] =>
  isString(prompt) ? [prompt] : isArray(prompt) ? prompt.filter(isString) : [];

/** One prompt as one user message. Several prompts, or tokens, only pass to vendors that have the operation. */
export function readCompletion(fields: Fields): ChatRequest {
  const { prompt, logprobs, best_of: bestOf, echo, ...rest } = fields;
  const texts = promptTexts(prompt);
  const [text] = texts;
  if (text === undefined || texts.length > 1) {
    const what = text === undefined ? 'tokens' : `${texts.length} prompts`;
    throw new RutterError(
      'ERR_REQUEST_UNSUPPORTED_PARAMETER',
      `prompt: found ${what}, expected one text; more reaches only vendors with a completions operation, unchanged by plugins.`,
      { param: 'prompt' },
    );
  }
  const request = readChat({ ...rest, messages: [{ role: 'user', content: text }] });
  return {
    ...request,
    ...(isNumber(logprobs) && { logprobs: true, topLogprobs: logprobs }),
    // Their defaults change nothing; other values stay for a vendor that has them, and are refused by one that has not.
    extra: defined({
      ...request.extra,
      best_of: bestOf === 1 || bestOf === null ? undefined : bestOf,
      echo: echo === false || echo === null ? undefined : echo,
    }),
  };
}

export function writeCompletionRequest(request: ChatRequest): JsonObject {
  if (request.tools !== undefined && request.tools.length > 0)
    throw unsupported('tools', 'Text completions have no tools.');
  const { messages: _, logprobs, top_logprobs: alternatives, ...body } = writeChat(request);
  const prompt = request.messages.map(messageText).join('\n\n');
  // One number says both: whether, and how many alternatives beside the token itself.
  return defined({ ...body, prompt, logprobs: alternatives ?? (logprobs === true ? 0 : undefined) });
}
