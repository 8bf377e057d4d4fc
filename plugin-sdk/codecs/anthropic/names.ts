/** Names and numbers that several files of this codec agree on. */
import type { EndReason } from '../../contract/chat.ts';

export const messagesDialect = 'anthropic-messages';
export const apiVersion = '2023-06-01';

const endReasons: Readonly<Record<string, EndReason>> = {
  end_turn: 'stop',
  stop_sequence: 'stop',
  pause_turn: 'stop',
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  compaction: 'length',
  tool_use: 'tool-calls',
  refusal: 'refusal',
};

/** Unknown reasons count as a normal end. */
export const endReason = (stop: unknown): EndReason =>
  (typeof stop === 'string' && Object.hasOwn(endReasons, stop) ? endReasons[stop] : undefined) ?? 'stop';

/** What the neutral reasons do not tell apart, in the vendor's own word for whoever reads it. */
const told: ReadonlySet<unknown> = new Set(['pause_turn', 'model_context_window_exceeded', 'compaction']);
export const toldStop = (stop: unknown): string | undefined => (told.has(stop) ? String(stop) : undefined);

/** `4.5` of `claude-opus-4-5-20251101` as 405; 0 for a name without a version. Dates are no versions. */
export function modelVersion(model: string): number {
  const found = /claude-(?:[a-z]+-)?(\d{1,2})(?!\d)(?:[-.](\d{1,2})(?!\d))?/.exec(model);
  return found === null ? 0 : Number(found[1]) * 100 + Number(found[2] ?? 0);
}
