/** Whole replies of generateContent: one event of a stream, and its end. */
import type { ChatReply } from '../../contract/chat.ts';
import type { CodecContext } from '../../contract/wire.ts';
import { collectEvents } from '../events.ts';
import { malformed, replyObject } from '../failures.ts';
import { isString, parseJson } from '../values.ts';
import { GeminiReader } from './stream.ts';

export function readReply(body: unknown, context: Pick<CodecContext, 'request'>): ChatReply {
  const found = replyObject(isString(body) ? (parseJson(body) ?? body) : body, 'a reply in JSON');
  const reader = new GeminiReader(context);
  const events = reader.read(found);
  if (!reader.hasChoices) throw malformed(JSON.stringify(found), 'a reply in JSON, with candidates');
  return collectEvents([...events, ...reader.finish(found)]);
}
