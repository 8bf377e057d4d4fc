/**
 * What only Anthropic tells in a stream, where LiteLLM's clients look for it:
 * `provider_specific_fields` of a delta, with citations one by one and the
 * blocks of what its own tools did, each when it is whole.
 */
import type { ChatEvent } from '../../contract/chat.ts';
import { isObject, isString, type JsonObject, parseJson } from '../values.ts';
import { defaultBlockOrigin } from './names.ts';

export class VendorFields {
  /** A tool call whose input is still coming. */
  #open: { readonly block: JsonObject; json: string } | undefined;

  /** The member of a delta as JSON text, '' for none. */
  delta(event: ChatEvent): string {
    const payload = event.type === 'other' && event.origin === defaultBlockOrigin ? event.value : undefined;
    const { delta, content_block: block } = isObject(payload) ? payload : {};
    if (isObject(delta) && delta.type === 'input_json_delta' && this.#open !== undefined) {
      if (isString(delta.partial_json)) this.#open.json += delta.partial_json;
      return '';
    }
    const blocks = this.#close();
    if (isObject(block)) {
      if (isObject(block.input)) this.#open = { block, json: '' };
      else blocks.push(block);
    }
    const fields: JsonObject = {};
    if (blocks.length > 0) fields.blocks = blocks;
    if (isObject(delta) && delta.type === 'citations_delta') fields.citation = delta.citation;
    return Object.keys(fields).length === 0 ? '' : `"provider_specific_fields":${JSON.stringify(fields)}`;
  }

  #close(): JsonObject[] {
    const open = this.#open;
    this.#open = undefined;
    if (open === undefined) return [];
    const input = parseJson(open.json);
    return [isObject(input) ? { ...open.block, input } : open.block];
  }
}
