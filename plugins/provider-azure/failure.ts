/** Azure's errors: OpenAI's envelope, with what the content filter found beside it. */
import { type FailureReader, RutterError } from '@rutter/plugin-sdk';
import { anthropicFailure, isObject, openAiFailure, parseJson } from '@rutter/plugin-sdk/codecs';

/** A refusal of the filter tells which category it was; that is what a caller needs to mend the prompt. */
export const azureFailure: FailureReader = (status, body, headers) => {
  const found = parseJson(body);
  // Of Foundry's Claude.
  if (isObject(found) && found.type === 'error') return anthropicFailure(status, body, headers);
  const read = openAiFailure(status, body, headers);
  if (!RutterError.is(read) || read.code !== 'ERR_PROVIDER_CONTENT_POLICY') return read;
  const innererror = innerError(body);
  if (innererror === undefined) return read;
  const { code, message, status: told, retryAfterMs, param, vendor } = read;
  return new RutterError(code, message, { status: told, retryAfterMs, param, vendor: { ...vendor, innererror } });
};

function innerError(body: string): unknown {
  try {
    const { error } = JSON.parse(body) as { error?: { innererror?: unknown; inner_error?: unknown } };
    return error?.innererror ?? error?.inner_error;
  } catch {
    return undefined;
  }
}
