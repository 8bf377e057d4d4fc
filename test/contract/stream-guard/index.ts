/**
 * Keeps a phrase out of replies: takes it out, or stops the reply.
 *
 * Text that may yet turn out to be the phrase is held back, of each strand
 * never more than the phrase less one character. Arguments of tool calls are not looked at.
 */
import {
  type ChatEvent,
  type ChatReply,
  type Choice,
  definePlugin,
  RutterError,
  type StreamGuard,
  z,
} from '@rutter/plugin-sdk';

const config = z.strictObject({
  phrase: z.string().min(1).default('xyzzy').describe('The words that must not go out.'),
  action: z.enum(['redact', 'block']).default('redact').describe('Replace the phrase by the mark, or refuse.'),
  mark: z.string().default('[removed]').describe('What stands in its place.'),
});

type Rules = z.output<typeof config>;
type TextEvent = Extract<ChatEvent, { type: 'text-delta' | 'reasoning-delta' | 'refusal-delta' }>;

export default definePlugin({
  kind: 'guard',
  config,
  setup: (_host, rules) => ({
    mode: 'after',
    checkReply: (_context, reply) => cleanReply(reply, rules),
    events: () => watch(rules),
  }),
});

const refusal = () =>
  new RutterError('ERR_REQUEST_REFUSED', 'The reply was stopped: it holds words that may not go out.');

function clean(text: string, { phrase, action, mark }: Rules): string {
  if (!text.includes(phrase)) return text;
  if (action === 'block') throw refusal();
  return text.replaceAll(phrase, () => mark);
}

function cleanReply(reply: ChatReply, rules: Rules): ChatReply {
  const others = reply.others?.map((choice) => ({ ...choice, ...cleaned(choice, rules) }));
  return { ...reply, ...cleaned(reply, rules), ...(others ? { others } : {}) };
}

/** The parts of a choice that hold words. Log probabilities name tokens, so they stay behind. */
function cleaned({ text, refusal: declined, reasoning }: Choice, rules: Rules) {
  return {
    text: clean(text, rules),
    ...(declined === undefined ? {} : { refusal: clean(declined, rules) }),
    ...(reasoning ? { reasoning: reasoning.filter((block) => isClean(block.text, rules)) } : {}),
    logprobs: undefined,
  };
}

const isClean = (text: string | undefined, rules: Rules) => text === undefined || clean(text, rules) === text;

function watch(rules: Rules): StreamGuard {
  /** What is undecided, by the sort of text and its choice: pieces of one are no continuation of another. */
  const pending = new Map<string, TextEvent>();
  const flush = (isMeant: (event: TextEvent) => boolean): ChatEvent[] =>
    [...pending].flatMap(([key, event]) => {
      if (!isMeant(event)) return [];
      pending.delete(key);
      return event.text === '' ? [] : [event];
    });

  const pushText = (event: TextEvent): ChatEvent[] => {
    const key = `${event.type} ${event.choice ?? 0}`;
    const { sure, open } = decide((pending.get(key)?.text ?? '') + event.text, rules);
    // Log probabilities name the tokens that are held back, so they stay behind.
    const base = { type: event.type, ...(event.choice === undefined ? {} : { choice: event.choice }) };
    pending.set(key, { ...base, text: open });
    return sure === '' ? [] : [{ ...base, text: sure }];
  };

  return {
    holdBack: rules.phrase.length - 1,
    get held() {
      return Math.max(0, ...[...pending.values()].map(({ text }) => text.length));
    },
    push(event) {
      if (event.type === 'text-delta' || event.type === 'reasoning-delta' || event.type === 'refusal-delta')
        return pushText(event);
      if (event.type === 'reasoning-block') return isClean(event.block.text, rules) ? [event] : [];
      if (event.type === 'end') return [...flush(({ choice }) => (choice ?? 0) === (event.choice ?? 0)), event];
      return [event];
    },
    end: () => flush(() => true),
  };
}

/** Splits text into what may go out now and the tail with which the phrase may have begun. */
function decide(text: string, rules: Rules): { readonly sure: string; readonly open: string } {
  const { phrase } = rules;
  const last = text.lastIndexOf(phrase);
  const after = last === -1 ? 0 : last + phrase.length;
  const tail = text.slice(after);
  let length = Math.min(phrase.length - 1, tail.length);
  while (length > 0 && !phrase.startsWith(tail.slice(-length))) length--;
  const cut = text.length - length;
  return { sure: clean(text.slice(0, after), rules) + text.slice(after, cut), open: text.slice(cut) };
}
