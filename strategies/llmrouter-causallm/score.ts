/** Probabilities of labels from what an OpenAI-compatible vendor tells of a token. */
import type { ChatReply } from '@rutter/plugin-sdk';

export interface Scores {
  /** Of each label, in their order; they sum to 1. */
  readonly shares: readonly number[];
  /** Probability of all labels together, as the vendor told it. */
  readonly mass: number;
}

interface Token {
  readonly token: string;
  readonly logprob: number;
}

function isToken(value: unknown): value is Token {
  const { token, logprob } = (value ?? {}) as Partial<Token>;
  return typeof token === 'string' && typeof logprob === 'number' && !Number.isNaN(logprob);
}

/** The alternatives of the first token that is more than white space, in the shape of OpenAI's `logprobs.content`. */
function alternatives(logprobs: unknown): readonly Token[] {
  const { content } = (logprobs ?? {}) as { content?: unknown };
  if (!Array.isArray(content)) return [];
  for (const entry of content.slice(0, 8)) {
    if (!isToken(entry) || entry.token.trim() === '') continue;
    const { top_logprobs: top } = entry as { top_logprobs?: unknown };
    const listed = Array.isArray(top) ? top.filter(isToken) : [];
    // The token itself may stand outside the list of the likeliest.
    return listed.some(({ token }) => token === entry.token) ? listed : [...listed, entry];
  }
  return [];
}

const bare = (text: string) => text.trim().replace(/^[["'(<]+|[\]"')>.:]+$/g, '');

/**
 * What each label weighs: the sum over the tokens that are it, white space and brackets aside, over the sum of all
 * labels. Without probabilities, the label that was written has all of it. Undefined where no label was found.
 */
export function scoreLabels(
  { logprobs, text }: Pick<ChatReply, 'logprobs' | 'text'>,
  labels: readonly string[],
): Scores | undefined {
  const tokens = alternatives(logprobs);
  if (tokens.length === 0) {
    const written = labels.indexOf(bare(text));
    return written < 0 ? undefined : { shares: labels.map((_none, index) => (index === written ? 1 : 0)), mass: 1 };
  }
  const weights = labels.map((label) =>
    tokens.reduce((sum, { token, logprob }) => (bare(token) === label ? sum + Math.exp(Math.min(0, logprob)) : sum), 0),
  );
  const mass = weights.reduce((sum, weight) => sum + weight, 0);
  return mass > 0 ? { shares: weights.map((weight) => weight / mass), mass } : undefined;
}
