/**
 * Which variant of an experiment a request is given: by a salted hash of what
 * stays the same from one request of a caller to the next, so that it is given
 * the same one again, in every process.
 */
import { createHash } from 'node:crypto';
import type { Exposure, Steering } from '@rutter/plugin-sdk';
import { armOf, type Experiment, type KeyType, type Variant } from '../config/experiments.ts';
import type { ExperimentStates } from '../live/experiment-states.ts';
import type { Facts } from './facts.ts';
import type { Selector } from './hooks.ts';
import type { ModelCall } from './model-call.ts';

/** Headers that name a session. */
const sessionHeaders = ['x-litellm-session-id', 'x-rutter-session-id'];

const keyBy: Readonly<Record<KeyType, (facts: Facts) => string | undefined>> = {
  user: ({ endUser, principal }) => {
    const user = endUser ?? principal.user;
    // Callers name their users as they like: two of them may both have an "alice".
    return user && `${principal.team ?? principal.id} ${user}`;
  },
  session: (facts) => {
    const session = sessionHeaders.map((name) => facts.rawHeader(name)).find(Boolean);
    return session && `${facts.principal.id} ${session}`;
  },
  key: ({ principal }) => (principal.kind === 'key' ? principal.id : undefined),
  team: ({ principal }) => principal.team,
  request: ({ parent, id }) => parent ?? id,
};

/** The first experiment with variants that is about the group. */
const experimentOf = (experiments: readonly Experiment[], group: string): Experiment | undefined =>
  experiments.find(({ models, variants }) => variants.length > 0 && isAbout(models, group));

export const isAbout = (models: readonly string[] | undefined, group: string): boolean =>
  models === undefined || models.includes(group);

function expose(experiment: Experiment, facts: Facts, states: ExperimentStates): Exposure {
  const { name, variants, keys, salt } = experiment;
  const steered = states.of(name);
  let keyType: KeyType = 'request';
  let key = keyBy.request(facts) as string;
  for (const type of keys) {
    const found = keyBy[type](facts);
    if (!found) continue;
    keyType = type;
    key = found;
    break;
  }
  const digest = createHash('sha256').update(`${salt}\n${keyType}\n${key}`).digest();
  const bucket = digest.readUIntBE(0, 6) / 2 ** 48;
  const drawn = drawnBy(bucket, experiment, steered);
  const reason = steered.off[drawn.name];
  const given =
    reason === undefined ? drawn : (variants.find((one) => !(one.name in steered.off)) ?? (variants[0] as Variant));
  const weights = variants.map((one) => weightOf(one, steered));
  return {
    experiment: name,
    variant: given.name,
    strategy: given.named?.strategy,
    weight: weightOf(given, steered),
    totalWeight: weights.reduce((sum, weight) => sum + weight, 0),
    keyType,
    bucket,
    ...(reason !== undefined && { withheld: { variant: drawn.name, reason } }),
  };
}

export const weightOf = ({ name, weight }: Variant, { weights }: Steering): number => weights?.[name] ?? weight;

/** Shares lie one behind the other in configured order: who leaves one for another is as few as can be. */
function drawnBy(bucket: number, { variants }: Experiment, steered: Steering): Variant {
  const total = variants.reduce((sum, one) => sum + weightOf(one, steered), 0);
  let left = bucket * total;
  for (const one of variants) {
    left -= weightOf(one, steered);
    if (left < 0) return one;
  }
  return variants[0] as Variant;
}

/** The strategies that choose for this call in this group: those of its variant, where it is in an experiment. */
export function selectorOf(call: ModelCall, group: string): Selector {
  const exposure = exposureOf(call, group);
  if (exposure?.strategy === undefined) return call.path.selector({ name: group });
  return call.path.selector({ name: armOf(exposure.experiment, exposure.variant) });
}

/** Drawn once for a call and group: what is switched off meanwhile goes on for it. */
export function exposureOf(call: ModelCall, group: string): Exposure | undefined {
  const { experiments, services } = call.path;
  if (experiments.length === 0) return undefined;
  if (call.exposedIn === group) return call.exposure;
  const experiment = experimentOf(experiments, group);
  call.exposedIn = group;
  call.exposure = experiment && expose(experiment, call.facts, services.experiments);
  return call.exposure;
}
