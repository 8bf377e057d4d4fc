/**
 * Stays with the deployment whose vendor has the beginning of a prompt cached,
 * unless what a router gains elsewhere exceeds the price of reading it anew.
 *
 * It ranks nothing itself: it looks at what the others have chosen. A vendor's
 * cache is not asked; what it was sent lately is taken to be in it.
 */
import {
  type Candidate,
  definePlugin,
  type Explanation,
  type Judgement,
  type RequestContext,
  z,
} from '@rutter/plugin-sdk';
import { type Beginning, beginningsOf, Prefixes } from './prefixes.ts';
import { gainOf, savedUsd, tokensOf, type Weighed, weigh } from './weigh.ts';

const config = z.strictObject({
  ttl: z
    .number()
    .positive()
    .max(86_400)
    .default(300)
    .describe('Seconds for which a vendor is taken to keep what it has read.'),
  min_tokens: z.int().min(64).max(1_000_000).default(1024).describe('Tokens in common from which on vendors cache.'),
  quality_usd: z
    .number()
    .min(0)
    .max(1_000_000)
    .default(0.01)
    .describe('What a whole point of expected quality is worth, in USD an answer.'),
  unpriced_gain: z
    .number()
    .min(0)
    .max(1)
    .default(0.1)
    .describe('Gain in expected quality for which a cache is left whose price is unknown.'),
  most_prefixes: z
    .int()
    .min(100)
    .max(2_000_000)
    .default(100_000)
    .describe('Beginnings of prompts that are remembered.'),
});

const channel = 'prompt-caching';
/** Headers that name a session. */
const sessionHeaders = ['x-litellm-session-id', 'x-rutter-session-id'];

interface Noted {
  readonly from: string;
  readonly hashes: readonly string[];
  readonly deployment: string;
}

export default definePlugin({
  kind: 'strategy',
  config,
  async setup(host, options) {
    const prefixes = host.keep('prefixes', 1, () => new Prefixes(options.most_prefixes, options.ttl * 1000));
    const state = host.use('state');
    const self = `${host.clock.now().toString(36)}-${host.random().toString(36).slice(2)}`;
    const beginnings = new WeakMap<RequestContext, readonly Beginning[]>();
    const explanations = new WeakMap<RequestContext, Explanation>();
    const feature = `${host.name}:beginnings`;
    const terms = { qualityUsd: options.quality_usd, unpricedGain: options.unpriced_gain };
    host.features.define(feature, (context, text) => {
      const found = beginningsOf(context.principal.id, text);
      beginnings.set(context, found);
      return found.length;
    });
    const unsubscribe = await state.subscribe(channel, (text) => {
      const { from, hashes, deployment } = JSON.parse(text) as Noted;
      if (from !== self) prefixes.note(hashes, deployment, host.clock.now());
    });

    /** What of the prompt is worth keeping a deployment for; a session without it is worth staying, but nothing more. */
    function held(context: RequestContext): ReadonlyMap<string, number> {
      const now = host.clock.now();
      const found = prefixes.held(beginnings.get(context) ?? [], now);
      const cached = [...found].filter(([, length]) => tokensOf(length) >= options.min_tokens);
      if (cached.length > 0) return new Map(cached.map(([id, length]) => [id, tokensOf(length)]));
      const session = sessionOf(context);
      return new Map([...prefixes.held(session, now).keys()].map((id) => [id, 0]));
    }

    function review(context: RequestContext, ranking: readonly Candidate[], judged: readonly Judgement[]) {
      const tokens = held(context);
      const [move] = ranking;
      const holders = ranking.filter(({ deployment }) => tokens.has(deployment.id));
      const stay = mostSaving(holders, tokens);
      if (move === undefined || stay === undefined) return undefined;
      if (move === stay) {
        explanations.set(context, { reason: `stays: ${heldBy(stay, tokens)}` });
        return undefined;
      }
      const { moves, why }: Weighed = weigh(gainOf(move, stay, judged), lostUsd(move, stay, tokens), terms);
      explanations.set(context, {
        reason: `${moves ? 'moves' : 'stays'}: ${heldBy(stay, tokens)}; ${why}`,
      });
      return moves ? undefined : stay;
    }

    return {
      async prepare(context) {
        await context.features.want(feature);
      },
      select: () => undefined,
      review,
      explain: (context) => explanations.get(context),
      observe({ context, deployment, ending, cacheHit }) {
        if (deployment === undefined || ending !== 'complete' || cacheHit) return;
        const known = [...(beginnings.get(context) ?? []), ...sessionOf(context)];
        if (known.length === 0) return;
        const hashes = known.map(({ hash }) => hash);
        prefixes.note(hashes, deployment.id, host.clock.now());
        const told: Noted = { from: self, hashes, deployment: deployment.id };
        state
          .publish(channel, JSON.stringify(told))
          .catch((error: unknown) => host.log.warn({ reason: String(error) }, 'other processes were not told'));
      },
      dispose: () => unsubscribe(),
    };
  },
});

const heldBy = ({ deployment }: Candidate, tokens: ReadonlyMap<string, number>): string => {
  const count = tokens.get(deployment.id) ?? 0;
  return count > 0
    ? `${deployment.id} has about ${count} tokens of it cached`
    : `${deployment.id} has served the conversation`;
};

/** The one whose cache saves most; where prices are unknown, whose is longest. */
function mostSaving(holders: readonly Candidate[], tokens: ReadonlyMap<string, number>): Candidate | undefined {
  const lengthOf = ({ deployment }: Candidate) => tokens.get(deployment.id) as number;
  const savingOf = (one: Candidate) => savedUsd(lengthOf(one), one.deployment.prices) ?? 0;
  return holders.toSorted((a, b) => savingOf(b) - savingOf(a) || lengthOf(b) - lengthOf(a))[0];
}

/** What is paid anew; less where the other has a part of it cached too. */
function lostUsd(move: Candidate, stay: Candidate, tokens: ReadonlyMap<string, number>): number | undefined {
  const savedBy = ({ deployment }: Candidate) => {
    const count = tokens.get(deployment.id) ?? 0;
    return count === 0 ? 0 : savedUsd(count, deployment.prices);
  };
  const [there, here] = [savedBy(move), savedBy(stay)];
  return there === undefined || here === undefined ? undefined : Math.max(0, here - there);
}

function sessionOf({ headers, principal }: RequestContext): readonly Beginning[] {
  const session = sessionHeaders.map((name) => headers[name]).find(Boolean);
  return session ? [{ length: 0, hash: `session ${principal.id} ${session.slice(0, 256)}` }] : [];
}
