/** Errors of Ollama: `{"error": "…"}`, also as a line of a stream. */
import { type ErrorCode, type FailureReader, RutterError } from '@rutter/plugin-sdk';
import { isFilled, isObject, openAiFailure, statusCode, vendorFailure } from '@rutter/plugin-sdk/codecs';

/** What the words mean where they say more than the status, which often is 500 and inside a stream is none. */
const byWords: readonly (readonly [RegExp, ErrorCode])[] = [
  [/server busy|maximum pending requests|overloaded/i, 'ERR_PROVIDER_OVERLOADED'],
  [/model .*not found|no such model/i, 'ERR_PROVIDER_NOT_FOUND'],
  [
    /exceeds? (?:the |maximum )?context length|context[_ ]length|prompt (?:is )?too long/i,
    'ERR_PROVIDER_CONTEXT_WINDOW',
  ],
  [/does not support (?:tools|thinking|chat|generate|insert|embeddings|images)/i, 'ERR_PROVIDER_BAD_REQUEST'],
];

const codeFor = (message: string): ErrorCode | undefined => byWords.find(([words]) => words.test(message))?.[1];

/** Error of a status other than 2xx; undefined where the body says nothing. */
export const ollamaFailure: FailureReader = (status, body, headers) => {
  const found = openAiFailure(status, body, headers);
  const code = RutterError.is(found) ? codeFor(found.message) : undefined;
  return code === undefined || !RutterError.is(found)
    ? found
    : vendorFailure(code, status, { message: found.message }, headers);
};

/** Error inside a reply that began as a success. */
export function innerFailure({ error }: { readonly error?: unknown }): RutterError {
  const said = isObject(error) ? error.message : error;
  const message = isFilled(said) ? said : 'The vendor reported an error without saying which.';
  return vendorFailure(codeFor(message) ?? statusCode(500), 500, { message });
}
