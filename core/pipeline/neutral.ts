/** Calls that begin inside the gateway: already neutral, with no client's bytes behind them. */
import type { ChatRequest, Dialect, Operation } from '@rutter/plugin-sdk';
import { chatText } from '@rutter/plugin-sdk/codecs';
import { formFields, type JsonBody } from '../http/json-body.ts';

const empty = formFields({});

export function neutralDialect(
  operation: Operation,
  request: ChatRequest,
): { readonly wire: Dialect; readonly body: JsonBody } {
  const words = chatText(request);
  const wire: Dialect = {
    name: 'neutral',
    operation,
    read: () => ({ model: request.model, stream: request.stream, includeUsage: true, controls: {}, strip: [] }),
    text: () => words,
    failure: (error) => ({ error: error.message }),
    ...(operation === 'embeddings'
      ? { embeddings: () => ({ model: request.model, input: [words], extra: {} }) }
      : { chat: () => request }),
  };
  return { wire, body: empty };
}
