/**
 * One choice of a deployment, kept as it was made; written out as a record
 * only where somebody reads it.
 */
import type {
  Candidate,
  DecidedCandidate,
  DecidingStrategy,
  Decision,
  Explanation,
  Exposure,
  Judgement,
  ShadowDecision,
  Strategy,
} from '@rutter/plugin-sdk';
import type { PluginInstance } from '../plugins/types.ts';
import type { Facts } from './facts.ts';
import type { OnFault, Selection } from './hooks.ts';

/** Choices kept of one request: a loop of calls may make many. */
export const mostDecisions = 16;
/** Candidates in a record. */
const mostCandidates = 32;
/** Candidates in a header. */
const mostNamed = 4;
const longestReason = 300;

export interface DecidedInit {
  readonly group: string;
  readonly facts: Facts;
  readonly selection: Selection;
  /** All that could have been asked, in order. */
  readonly strategies: readonly PluginInstance[];
  /** Those of them that look at the ranking again. */
  readonly reviewers: readonly PluginInstance[];
  /** Of `performance.now()`: when the candidates were there, and when the features were. */
  readonly startedAt: number;
  readonly preparedAt: number;
  readonly exposure: Exposure | undefined;
  readonly onFault: OnFault;
}

interface Deciding {
  readonly strategy: DecidingStrategy;
  readonly judged: readonly Judgement[];
}

export class Decided {
  readonly #init: DecidedInit;
  readonly #endedAt = performance.now();
  readonly #deciding: readonly Deciding[];
  readonly #silent: readonly DecidingStrategy[];
  /** Best first, after all that had a say. */
  readonly ranking: readonly Candidate[];
  readonly reason: string;
  readonly shadows: ShadowDecision[] = [];

  constructor(init: DecidedInit) {
    this.#init = init;
    const { selection, facts, onFault } = init;
    const deciding = selection.by.map((instance) => explained(instance, facts, onFault));
    const isChoice = selection.ranking.length > 1;
    const review = isChoice && init.reviewers.length > 0 ? reviewed(init, deciding) : undefined;
    this.#deciding = review ? [...deciding, ...review.by] : deciding;
    this.#silent = isChoice ? silentAhead(init) : [];
    this.ranking = review?.ranking ?? selection.ranking;
    this.reason = review ? review.reason : selection.reason;
  }

  get exposure(): Exposure | undefined {
    return this.#init.exposure;
  }

  record(): Decision {
    const { group, startedAt, preparedAt, exposure } = this.#init;
    const { ranking, reason } = this;
    return {
      group,
      strategies: this.#deciding.map(({ strategy }) => strategy),
      silent: this.#silent,
      reason,
      candidates: ranking.slice(0, mostCandidates).map((candidate) => this.#candidate(candidate)),
      candidatesLeftOut: Math.max(0, ranking.length - mostCandidates),
      chosen: ranking[0]?.deployment.id,
      microseconds: microseconds(startedAt, this.#endedAt),
      prepareMicroseconds: microseconds(startedAt, preparedAt),
      ...(exposure && { exposure }),
      shadows: this.shadows,
    };
  }

  /** ` of 3 in 41 us; rutter-auto 0.1.0, artefact 1f0a…: small 0.91 quality 0.93 $0.00002, large 0.87`. */
  inWords(): string {
    const { startedAt, exposure } = this.#init;
    const { ranking } = this;
    if (ranking.length < 2) return exposure ? armInWords(exposure) : '';
    const strategies = this.#deciding.map(({ strategy }) => strategyInWords(strategy));
    for (const strategy of this.#silent) strategies.push(`${strategyInWords(strategy)}: left to others`);
    const named = ranking.slice(0, mostNamed).map((candidate) => judgedInWords(this.#candidate(candidate)));
    const others = ranking.length - named.length;
    if (others > 0) named.push(`${others} more`);
    const who = strategies.length > 0 ? `; ${strategies.join('; ')}` : '';
    return ` of ${ranking.length} in ${microseconds(startedAt, this.#endedAt)} us${who}: ${named.join(', ')}${exposure ? armInWords(exposure) : ''}`;
  }

  /** The first strategy that has a number for it is the one whose it is. */
  #candidate(candidate: Candidate): DecidedCandidate {
    const { id, group, provider, model } = candidate.deployment;
    const found: Omit<Judgement, 'candidate'> = Object.assign(
      {},
      ...this.#deciding.toReversed().map(({ judged }) => numbersOf(judged.find((one) => one.candidate === candidate))),
    );
    return { deployment: id, group, provider, model, ...found };
  }
}

const microseconds = (from: number, to: number) => Math.max(0, Math.round((to - from) * 1000));

const armInWords = ({ experiment, variant, withheld }: Exposure) =>
  `; experiment ${experiment}: ${variant}${withheld ? ` in place of ${withheld.variant}, which is off` : ''}`;

const numbersOf = ({ score, quality, costUsd }: Partial<Judgement> = {}): Omit<Judgement, 'candidate'> => ({
  ...(isNumber(score) && { score }),
  ...(isNumber(quality) && { quality }),
  ...(isNumber(costUsd) && { costUsd }),
});

const isNumber = (value: number | undefined): value is number => Number.isFinite(value);

const strategyInWords = ({ name, version, artefact, reason }: DecidingStrategy) =>
  [`${name} ${version}`, artefact && `artefact ${artefact}`, reason].filter(Boolean).join(', ');

function judgedInWords({ model, score, quality, costUsd }: DecidedCandidate): string {
  const parts = [model];
  if (score !== undefined) parts.push(digits(score));
  if (quality !== undefined) parts.push(`quality ${digits(quality)}`);
  if (costUsd !== undefined) parts.push(`$${digits(costUsd)}`);
  return parts.join(' ');
}

const digits = (value: number) => String(Number(value.toPrecision(4)));

interface Review {
  readonly ranking: readonly Candidate[];
  readonly reason: string;
  readonly by: readonly Deciding[];
}

/** A reviewer may put one candidate first; it can neither invent one nor take one away. */
function reviewed(init: DecidedInit, deciding: readonly Deciding[]): Review {
  const { selection, reviewers, facts, onFault } = init;
  const judged = deciding.flatMap((one) => one.judged);
  const by: Deciding[] = [];
  let { ranking, reason } = selection;
  for (const instance of reviewers) {
    try {
      const first = (instance.value as Strategy).review?.(facts, ranking, judged);
      const told = explained(instance, facts, onFault);
      if (first !== undefined && !ranking.includes(first))
        throw new TypeError('review put a candidate first that it was not given');
      if (first !== undefined && first !== ranking[0]) {
        ranking = [first, ...ranking.filter((one) => one !== first)];
        reason = `${reason}, then changed by ${instance.name}`;
      }
      if (told.strategy.reason !== undefined) by.push(told);
    } catch (error) {
      onFault(instance, error);
    }
  }
  return { ranking, reason, by };
}

/** Whoever was asked first and had nothing to say, as far as it can tell why. */
function silentAhead({ selection, strategies, reviewers, facts, onFault }: DecidedInit): readonly DecidingStrategy[] {
  const first = selection.by[0];
  const silent: DecidingStrategy[] = [];
  for (const instance of strategies) {
    if (instance === first) break;
    if ((instance.value as Strategy).explain && !reviewers.includes(instance))
      silent.push(explained(instance, facts, onFault).strategy);
  }
  return silent;
}

function explained(instance: PluginInstance, facts: Facts, onFault: OnFault): Deciding {
  const { name, manifest } = instance;
  const { version, reason, judged = [] } = explanationOf(instance, facts, onFault);
  const strategy = {
    name,
    version: manifest.version,
    ...(version !== undefined && { artefact: version.slice(0, 128) }),
    ...(reason !== undefined && { reason: reason.slice(0, longestReason) }),
  };
  return { strategy, judged };
}

function explanationOf(instance: PluginInstance, facts: Facts, onFault: OnFault): Explanation {
  try {
    return (instance.value as Strategy).explain?.(facts) ?? {};
  } catch (error) {
    onFault(instance, error);
    return {};
  }
}

/** What a strategy says when it is asked beside a request. */
export const describedBy = (instance: PluginInstance, facts: Facts, onFault: OnFault): DecidingStrategy =>
  explained(instance, facts, onFault).strategy;
