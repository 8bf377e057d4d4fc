/** Groq's errors where they differ from OpenAI's. https://console.groq.com/docs/errors */
import type { ErrorCode, FailureReader } from '@rutter/plugin-sdk';
import { RutterError } from '@rutter/plugin-sdk';
import { openAiFailure, vendorFailure } from '@rutter/plugin-sdk/codecs';

const restricted = /organization.{0,40}restricted/i;

/** 498 is said of the flex tier alone: its capacity is used up for now. */
export const groqFailure: FailureReader = (status, body, headers) => {
  const found = openAiFailure(status, body, headers);
  const code = codeOf(status, body);
  if (code === undefined) return found;
  const message = RutterError.is(found) ? found.message : 'The vendor has no capacity left.';
  return vendorFailure(code, status, { message }, headers);
};

function codeOf(status: number, body: string): ErrorCode | undefined {
  if (status === 498) return 'ERR_PROVIDER_OVERLOADED';
  return status === 400 && restricted.test(body) ? 'ERR_PROVIDER_PERMISSION' : undefined;
}
