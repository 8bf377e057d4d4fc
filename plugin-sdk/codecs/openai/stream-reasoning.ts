/**
 * Reasoning of one streamed choice.
 *
 * Text comes in `reasoning_content`, in `thinking_blocks`, or in both at
 * once; a signature closes a block. Whatever the mixture, each word becomes
 * one delta and each signed block one event.
 */
import type { ChatEvent } from '../../contract/chat.ts';
import { defined, isArray } from '../values.ts';
import { readBlock } from './thinking.ts';

export class ReasoningReader {
  readonly #choice: { readonly choice?: number };
  /** Text of the block in progress that has gone out as deltas. */
  #told = '';
  /** The same text as the blocks gave it, piece by piece. */
  #inBlocks = '';

  constructor(choice: { readonly choice?: number }) {
    this.#choice = choice;
  }

  read(thinking: string, blocks: unknown, into: ChatEvent[]): void {
    if (thinking !== '') this.#tell(thinking, into);
    if (!isArray(blocks)) return;
    for (const value of blocks) {
      const block = readBlock(value);
      if (block === undefined) continue;
      if (block.redacted !== undefined) {
        into.push({ type: 'reasoning-block', block, ...this.#choice });
        continue;
      }
      this.#inBlocks += block.text ?? '';
      const isNew = this.#inBlocks.length > this.#told.length;
      if (isNew) this.#tell(this.#inBlocks.slice(this.#told.length), into);
      if (block.signature === undefined) continue;
      const text = this.#inBlocks === '' ? this.#told : this.#inBlocks;
      into.push({ type: 'reasoning-block', block: defined({ ...block, text }), ...this.#choice });
      this.#told = '';
      this.#inBlocks = '';
    }
  }

  #tell(text: string, into: ChatEvent[]): void {
    this.#told += text;
    into.push({ type: 'reasoning-delta', text, ...this.#choice });
  }
}
