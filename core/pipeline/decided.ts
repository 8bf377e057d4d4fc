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
  readonly shadows: ShadowDecision[] = [];

  constructor(init: DecidedInit) {
    this.#init = init;
    const { selection, facts, onFault } = init;
    this.#deciding = selection.by.map((instance) => explained(instance, facts, onFault));
    this.#silent = selection.ranking.length < 2 ? [] : silentAhead(init);
  }

  get ranking(): readonly Candidate[] {
    return this.#init.selection.ranking;
  }

  get exposure(): Exposure | undefined {
    return this.#init.exposure;
  }

  record(): Decision {
    const { group, selection, startedAt, preparedAt, exposure } = this.#init;
    const { ranking, reason } = selection;
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
    const { selection, startedAt, exposure } = this.#init;
    const { ranking } = selection;
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

/** Whoever was asked first and had nothing to say, as far as it can tell why. */
function silentAhead({ selection, strategies, facts, onFault }: DecidedInit): readonly DecidingStrategy[] {
  const first = selection.by[0];
  const silent: DecidingStrategy[] = [];
  for (const instance of strategies) {
    if (instance === first) break;
    if ((instance.value as Strategy).explain) silent.push(explained(instance, facts, onFault).strategy);
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
