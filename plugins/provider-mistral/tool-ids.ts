/**
 * Ids of tool calls as Mistral takes them: nine letters and digits.
 *
 * Its own ids, which clients send back, are of that form and stay. Those of
 * other vendors are hashed, so that a call and its answer keep one id however
 * often the history is sent, and no table has to be kept.
 */
import { fingerprint } from '@rutter/plugin-sdk/codecs';

const own = /^[A-Za-z0-9]{9}$/;
const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const length = 9;

/** The id itself where Mistral would take it, else nine characters made of it alone. */
export function toolId(id: string): string {
  if (own.test(id)) return id;
  let rest = fingerprint(id);
  let text = '';
  while (text.length < length) {
    text += digits[Number(rest % BigInt(digits.length))];
    rest /= BigInt(digits.length);
  }
  return text;
}
