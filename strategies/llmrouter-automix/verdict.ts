/** What a model says of its own answer, and when enough has been said. */

const words = /\b(?:(not|in|un)[\s-]?)?correct(?:ly)?\b/gi;

/** True for correct, false for incorrect, undefined where neither was said. The last word counts: models think ahead of it. */
export function readVerdict(text: string): boolean | undefined {
  const last = [...text.matchAll(words)].at(-1);
  return last === undefined ? undefined : last[1] === undefined;
}

export interface Verdicts {
  readonly correct: number;
  /** Checks that said one or the other. */
  readonly read: number;
}

export const tally = (verdicts: readonly (boolean | undefined)[]): Verdicts => ({
  correct: verdicts.filter((verdict) => verdict === true).length,
  read: verdicts.filter((verdict) => verdict !== undefined).length,
});

/** The share of checks that said correct; undefined where none said anything. */
export const shareOf = ({ correct, read }: Verdicts): number | undefined => (read === 0 ? undefined : correct / read);

/** Whether so many checks more, whatever they say, lead to the same action. */
export function isDecided({ correct, read }: Verdicts, more: number, action: (share: number) => boolean): boolean {
  if (read === 0) return more === 0;
  const now = action(correct / read);
  for (let said = 1; said <= more; said++)
    for (let right = 0; right <= said; right++) if (action((correct + right) / (read + said)) !== now) return false;
  return true;
}
