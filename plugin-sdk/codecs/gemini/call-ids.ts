/** Ids for tool calls, which Gemini mostly gives none: the same reply gives the same ids, another reply others. */
import { signCallId } from '../signed-call.ts';
import type { FoundCall } from './candidate.ts';

/** FNV-1a. */
function digest(text: string): string {
  let hash = 0xcbf29ce484222325n;
  for (let at = 0; at < text.length; at++) {
    hash ^= BigInt(text.charCodeAt(at));
    hash = BigInt.asUintN(64, hash * 0x100000001b3n);
  }
  return hash.toString(16).padStart(16, '0');
}

/** Where a call stands. */
export interface CallPlace {
  /** Id of the reply, and how many messages came before it: one of them tells replies with equal calls apart. */
  readonly reply: string | undefined;
  readonly messages: number;
  readonly choice: number;
  /** Running number in the choice. */
  readonly index: number;
}

export function callId(call: FoundCall, { reply = '', messages, choice, index }: CallPlace): string {
  const { name, arguments: text, signature = '' } = call;
  const unique = digest([reply, messages, choice, name, text, signature].join('\n'));
  const id = call.id ?? `call_${unique}_${index}`;
  return call.signature === undefined ? id : signCallId(id, call.signature);
}
