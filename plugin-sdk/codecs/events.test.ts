import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ChatEvent, ChatReply } from '../contract/chat.ts';
import { collectEvents, maxReplyLength, replyEvents } from './events.ts';
import { chatText, estimateTokens } from './text.ts';

const reply: ChatReply = {
  id: 'i',
  model: 'm',
  text: 'Hello',
  reasoning: [{ text: 'one', signature: 's', origin: 'a' }, { redacted: 'x', origin: 'a' }, { text: 'two' }],
  toolCalls: [{ id: 'c', name: 'f', arguments: '{}' }],
  refusal: 'no',
  end: 'tool-calls',
  logprobs: { content: [{ token: 'Hello' }] },
  extra: { stop_sequence: 'x' },
  usage: { input: 1, output: 2 },
  others: [{ text: 'other', end: 'length' }],
  envelope: { a: 1 },
};

describe('a reply', () => {
  it('collects again from its own events', () => {
    expect(collectEvents(replyEvents(reply))).toEqual(reply);
  });

  it('collects from a stream that arrives later', async () => {
    async function* later(): AsyncGenerator<ChatEvent> {
      yield* replyEvents(reply);
    }
    await expect(collectEvents(later())).resolves.toEqual(reply);
  });

  it('has its text in order, however it was cut', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (texts) => {
        const events: ChatEvent[] = [
          ...texts.map((text): ChatEvent => ({ type: 'text-delta', text })),
          { type: 'end', reason: 'stop' },
        ];
        expect(collectEvents(events).text).toBe(texts.join(''));
      }),
    );
  });

  it('gives a signed block the words that were told before it', () => {
    const events: ChatEvent[] = [
      { type: 'reasoning-delta', text: 'a' },
      { type: 'reasoning-delta', text: 'b' },
      { type: 'reasoning-block', block: { signature: 's' } },
      { type: 'reasoning-delta', text: 'c' },
      { type: 'end', reason: 'stop' },
    ];
    expect(collectEvents(events).reasoning).toEqual([{ text: 'ab', signature: 's' }, { text: 'c' }]);
  });

  it('is joined from the log probabilities of every delta', () => {
    const events: ChatEvent[] = [
      { type: 'text-delta', text: 'a', logprobs: { content: [1], refusal: null } },
      { type: 'text-delta', text: 'b', logprobs: { content: [2] } },
      { type: 'end', reason: 'stop' },
    ];
    expect(collectEvents(events).logprobs).toEqual({ content: [1, 2] });
  });

  it.each<[string, ChatEvent[]]>([
    ['nothing at all', []],
    ['text without an end', [{ type: 'text-delta', text: 'a' }]],
    [
      'one of two choices',
      [
        { type: 'end', reason: 'stop' },
        { type: 'text-delta', text: 'a', choice: 1 },
      ],
    ],
    [
      'arguments of a call nobody opened',
      [
        { type: 'tool-call-delta', index: 0, arguments: '{}' },
        { type: 'end', reason: 'stop' },
      ],
    ],
  ])('is not made of %s', (_name, events) => {
    expect(() => collectEvents(events)).toThrow(expect.objectContaining({ code: 'ERR_PROVIDER_STREAM' }));
  });

  it('has an end to its length', () => {
    const text = 'x'.repeat(maxReplyLength / 2);
    expect(() => collectEvents([1, 2, 3].map((): ChatEvent => ({ type: 'text-delta', text })))).toThrow(
      expect.objectContaining({ code: 'ERR_PROVIDER_MALFORMED' }),
    );
  });
});

describe('the words of a request', () => {
  it('are those of all messages, joined by line feeds', () => {
    const messages = [
      { role: 'system' as const, content: 'a' },
      {
        role: 'user' as const,
        content: [
          { type: 'text' as const, text: 'b' },
          { type: 'image' as const, url: 'u' },
          { type: 'text' as const, text: 'c' },
        ],
      },
      { role: 'assistant' as const, content: '' },
    ];
    expect(chatText({ messages })).toBe('a\nb\nc');
  });

  it('are about a token for every four characters', () => {
    expect(['', 'a', 'abcd', 'abcde'].map(estimateTokens)).toEqual([0, 1, 1, 2]);
  });
});
