import { describe, expect, it } from 'vitest';
import type { ChatEvent } from '../../contract/chat.ts';
import { VendorFields } from './vendor-fields.ts';

const other = (value: unknown, origin = 'anthropic-messages'): ChatEvent => ({ type: 'other', origin, value });
const told = (events: readonly ChatEvent[]) => {
  const fields = new VendorFields();
  return events
    .map((event) => fields.delta(event))
    .filter((text) => text !== '')
    .map((text) => (JSON.parse(`{${text}}`) as { provider_specific_fields: unknown }).provider_specific_fields);
};
const search = { type: 'server_tool_use', id: 's', name: 'web_search', input: {} };
const found = { type: 'web_search_tool_result', tool_use_id: 's', content: [] };
const open = (content_block: object) => other({ type: 'content_block_start', index: 1, content_block });
const input = (partial_json: string) =>
  other({ type: 'content_block_delta', index: 1, delta: { type: 'input_json_delta', partial_json } });
const text: ChatEvent = { type: 'text-delta', text: 'x' };

describe('fields of a vendor alone', () => {
  it('tell a block once its input is whole, and one that comes whole at once', () => {
    expect(told([open(search), input('{"query"'), input(':"x"}'), open(found), text])).toEqual([
      { blocks: [{ ...search, input: { query: 'x' } }, found] },
    ]);
    expect(told([open(search), input('{"query":"x"}'), { type: 'end', reason: 'stop' }])).toEqual([
      { blocks: [{ ...search, input: { query: 'x' } }] },
    ]);
  });

  it('tell citations one by one', () => {
    const citation = { type: 'char_location', cited_text: 'x' };
    expect(told([other({ delta: { type: 'citations_delta', citation } }), text])).toEqual([{ citation }]);
  });

  it('are none of what other vendors and other events tell', () => {
    expect(
      told([text, other(null), other({ delta: { type: 'new_delta' } }), other({ content_block: found }, 'gemini')]),
    ).toEqual([]);
  });
});
