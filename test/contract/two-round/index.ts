/**
 * Asks two cheap deployments for drafts, both at once, then has a third
 * answer with the drafts before it. Only the third's answer reaches the client.
 *
 * The dearest candidate writes and the two cheapest draft. A draft that fails
 * is left out; where the writer fails, the first draft is the reply. Requests
 * with tools, and groups of fewer than three, have one round only: a draft
 * cannot call a tool.
 */
import {
  type CallResult,
  type Candidate,
  type ChatReply,
  definePlugin,
  type Invoke,
  type Message,
  RutterError,
  z,
} from '@rutter/plugin-sdk';

const config = z.strictObject({
  minDrafts: z.int().min(0).max(2).default(0).describe('Fewer drafts than this make the rounds fail.'),
  draftTokens: z.int().min(1).default(512).describe('Most tokens of a draft.'),
  maxCalls: z.int().min(1).default(3).describe('Most calls of deployments for one request.'),
  maxTokens: z.int().min(1).optional().describe('No call begins once this many tokens have been used.'),
  maxNanoUsd: z.int().min(1).optional().describe('No call begins once this much has been spent, in nano-dollars.'),
  timeMs: z.int().min(1).default(120_000).describe('Longest time of both rounds, in milliseconds.'),
});

export default definePlugin({
  kind: 'strategy',
  config,
  setup(host, { minDrafts, draftTokens, maxCalls, maxTokens, maxNanoUsd, timeMs }) {
    return {
      limits: {
        calls: maxCalls,
        timeMs,
        ...(maxTokens === undefined ? {} : { tokens: maxTokens }),
        ...(maxNanoUsd === undefined ? {} : { nanoUsd: maxNanoUsd }),
      },

      // For plain routing, when the rounds have failed: whoever would have written comes first.
      select: (_context, candidates) => byPrice(candidates).reverse(),

      async orchestrate({ signal }, candidates, invoke, call) {
        const sorted = byPrice(candidates);
        const [first, second] = sorted;
        const writer = sorted.at(-1);
        if (writer === undefined || first === undefined || second === undefined || sorted.length < 3)
          return invoke(sorted);
        const asked = call.chat();
        if ((asked.tools ?? []).length > 0) return invoke(writer);

        const bound = Math.min(draftTokens, asked.maxOutputTokens ?? draftTokens);
        const rounds = await Promise.allSettled([first, second].map((candidate) => draft(invoke, candidate, bound)));
        signal.throwIfAborted();
        for (const round of rounds) if (round.status === 'rejected' && isBound(round.reason)) throw round.reason;
        const drafts = rounds.flatMap((round) =>
          round.status === 'fulfilled' && round.value.reply.text !== '' ? [round.value] : [],
        );
        if (drafts.length < minDrafts)
          throw new Error(`Found ${drafts.length} drafts, expected at least ${minDrafts}.`);

        const [best] = drafts;
        try {
          return await invoke(writer, { messages: [...asked.messages, ...briefing(drafts)] });
        } catch (error) {
          signal.throwIfAborted();
          if (best === undefined || isBound(error)) throw error;
          host.log.warn({ deployment: writer.deployment.id }, 'the writer failed; a draft is the reply');
          return resultOf(best);
        }
      },
    };
  },
});

interface Draft {
  readonly candidate: Candidate;
  readonly reply: ChatReply;
}

async function draft(invoke: Invoke, candidate: Candidate, maxOutputTokens: number): Promise<Draft> {
  const result = await invoke(candidate, { stream: false, maxOutputTokens, count: 1 });
  return { candidate, reply: await result.reply() };
}

const isBound = (error: unknown) => RutterError.is(error) && error.code === 'ERR_LIMIT_LOOP';

/** Cheapest first; what has no price counts as free. Equals stay in their order. */
const byPrice = (candidates: readonly Candidate[]): Candidate[] =>
  candidates.toSorted((a, b) => Number(price(a) - price(b)));

const price = ({ deployment: { prices } }: Candidate): bigint => (prices?.input ?? 0n) + (prices?.output ?? 0n);

function briefing(drafts: readonly Draft[]): Message[] {
  if (drafts.length === 0) return [];
  const texts = drafts.map(({ reply }, index) => `Draft ${index + 1}:\n${reply.text}`);
  return [{ role: 'user', content: `Answer the question above. These drafts may help.\n\n${texts.join('\n\n')}` }];
}

function resultOf({ reply, candidate: { deployment } }: Draft): CallResult {
  async function* events() {
    yield { type: 'text-delta', text: reply.text } as const;
    yield { type: 'end', reason: reply.end } as const;
  }
  return { deployment, reply: async () => reply, events };
}
