/**
 * Why a deployment was chosen, as data. Nothing in it is content: no text of a
 * request or reply, no secret.
 */
import type { Candidate } from './request.ts';

/** What a strategy says of one candidate; numbers that it does not have are left out. */
export interface Judgement {
  readonly candidate: Candidate;
  /** What the ranking is by; higher is better. */
  readonly score?: number;
  /** Expected quality of the answer, 0 to 1. */
  readonly quality?: number;
  /** Expected cost of the call, in USD. */
  readonly costUsd?: number;
}

/** What a strategy went by when it ranked. */
export interface Explanation {
  /** In words, at most 300 characters. */
  readonly reason?: string;
  /** Of what it has learnt or was given, such as the digest of an artefact; the plugin's own version is known. */
  readonly version?: string;
  readonly judged?: readonly Judgement[];
}

/** One candidate of a decision. */
export interface DecidedCandidate {
  /** Id of the deployment. */
  readonly deployment: string;
  readonly group: string;
  readonly provider: string;
  readonly model: string;
  readonly score?: number;
  readonly quality?: number;
  readonly costUsd?: number;
}

/** A strategy that had a say. */
export interface DecidingStrategy {
  /** Name of the instance. */
  readonly name: string;
  /** Of the plugin. */
  readonly version: string;
  /** Of what it has learnt; see {@link Explanation}. */
  readonly artefact?: string;
  readonly reason?: string;
}

/** The arm of an experiment that a request was given. */
export interface Exposure {
  readonly experiment: string;
  readonly variant: string;
  /** Name of the strategy of that variant; undefined for the one that is configured. */
  readonly strategy: string | undefined;
  /** Its share of the requests, and of all variants together. */
  readonly weight: number;
  readonly totalWeight: number;
  /** What the request was given its arm by, such as `user` or `key`. */
  readonly keyType: string;
  /** Where it fell, from 0 up to, not including, 1. */
  readonly bucket: number;
  /** The variant it was drawn for, which is switched off, and why. */
  readonly withheld?: { readonly variant: string; readonly reason: string };
}

/** What another strategy would have chosen; it is asked beside the request and changes nothing. */
export interface ShadowDecision {
  readonly experiment: string;
  readonly strategy: DecidingStrategy;
  /** Id of the deployment; undefined where it left the choice to others, or failed. */
  readonly deployment: string | undefined;
  /** Whether it would have chosen the same. */
  readonly agrees: boolean;
  readonly microseconds: number;
}

/** One choice of a deployment: of a request's first try, of each retry, and of each fallback. */
export interface Decision {
  readonly group: string;
  /** Those that ranked, the first one first; empty where nobody did. */
  readonly strategies: readonly DecidingStrategy[];
  /** Those that were asked ahead of them, left the choice to others, and say why. */
  readonly silent: readonly DecidingStrategy[];
  /** In words. */
  readonly reason: string;
  /** Best first; at most 32. */
  readonly candidates: readonly DecidedCandidate[];
  /** Candidates beyond those. */
  readonly candidatesLeftOut: number;
  /** Id of the deployment; undefined where the limits of all were used up. */
  readonly chosen: string | undefined;
  /** From the candidates to the choice, features included. */
  readonly microseconds: number;
  /** How much of it was waiting for features. */
  readonly prepareMicroseconds: number;
  readonly exposure?: Exposure;
  /** Grows until the last of them has answered. */
  readonly shadows: readonly ShadowDecision[];
}
