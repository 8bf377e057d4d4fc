/** Anthropic counts cache reads and writes beside the input; reasoning is part of the output, and often not told. */
import type { Usage } from '../../contract/chat.ts';
import { estimateTokens } from '../text.ts';
import { defined, isFilled, isObject, type JsonObject } from '../values.ts';

const count = (value: unknown): number => (typeof value === 'number' && value > 0 ? Math.floor(value) : 0);
const some = (value: number) => (value > 0 ? value : undefined);

/** Words for the usual place and speed. */
const plain: ReadonlySet<string> = new Set(['global', 'not_available', 'standard']);

/** Buckets of a `usage` object. `thinking` is the reasoning text, from which its share is estimated where it is not told. */
export function readUsage(found: unknown, thinking: string): Usage | undefined {
  if (!isObject(found)) return undefined;
  const writes: JsonObject = isObject(found.cache_creation) ? found.cache_creation : {};
  const cacheWriteLong = count(writes.ephemeral_1h_input_tokens);
  const written = Math.max(
    count(found.cache_creation_input_tokens),
    count(writes.ephemeral_5m_input_tokens) + cacheWriteLong,
  );
  const output = count(found.output_tokens);
  const details: JsonObject = isObject(found.output_tokens_details) ? found.output_tokens_details : {};
  const told = details.thinking_tokens ?? details.reasoning_tokens;
  const reasoning = Math.min(output, typeof told === 'number' ? count(told) : estimateTokens(thinking));
  const { server_tool_use: tools, service_tier: tier, inference_geo: region, speed } = found;
  const uplifts = [region, speed].filter(isFilled).filter((word) => !plain.has(word));
  return defined({
    input: count(found.input_tokens),
    output: output - reasoning,
    cachedInput: some(count(found.cache_read_input_tokens)),
    cacheWrite: some(written - cacheWriteLong),
    cacheWriteLong: some(cacheWriteLong),
    reasoning: some(reasoning),
    searches: some(count(isObject(tools) ? tools.web_search_requests : undefined)),
    serviceTier: isFilled(tier) ? tier : undefined,
    uplifts: uplifts.length > 0 ? uplifts : undefined,
  });
}
