/**
 * Strategies that are asked beside a request what they would have chosen. They
 * run when the request is on its way, and what they say changes nothing.
 */
import { shadowOf } from '../config/experiments.ts';
import { type Decided, describedBy } from './decided.ts';
import { isAbout } from './experiments.ts';
import { Selector } from './hooks.ts';
import type { ModelCall } from './model-call.ts';
import type { Target } from './models.ts';

/** Under way at once in one generation; beyond them requests go without. */
const mostAtOnce = 64;

export function askShadows(call: ModelCall, group: string, open: readonly Target[], decided: Decided): void {
  const { path } = call;
  for (const experiment of path.experiments) {
    if (experiment.shadows.length === 0 || !isAbout(experiment.models, group)) continue;
    for (const index of experiment.shadows.keys()) {
      const instance = path.selector({ name: shadowOf(experiment.name, index) }).strategies[0];
      if (!instance) continue;
      const count = path.services.experiments.shadow(instance.name);
      if (path.shadowDecisions >= mostAtOnce) {
        count.skipped++;
        continue;
      }
      path.shadowDecisions++;
      const lease = path.hold();
      setImmediate(() => {
        void ask(call, { experiment: experiment.name, instance, open, decided }).finally(() => {
          path.shadowDecisions--;
          lease.release();
        });
      });
    }
  }
}

interface Shadow {
  readonly experiment: string;
  readonly instance: Selector['strategies'][number];
  readonly open: readonly Target[];
  readonly decided: Decided;
}

/** Never rejects. */
async function ask({ facts, path }: ModelCall, { experiment, instance, open, decided }: Shadow): Promise<void> {
  const { onFault } = path.services;
  const count = path.services.experiments.shadow(instance.name);
  const startedAt = performance.now();
  // Alone: ties are nobody's to break, and its turn costs the others nothing.
  const selector = new Selector([instance], path.hooks, onFault);
  try {
    if (selector.preparers.length > 0) await (instance.value as { prepare?(facts: unknown): unknown }).prepare?.(facts);
  } catch (error) {
    onFault(instance, error);
  }
  const { by, ranking } = selector.isAhead ? await selector.selectAhead(facts, open) : selector.select(facts, open);
  const first = by.length > 0 ? ranking[0] : undefined;
  const chosen = decided.ranking[0]?.deployment;
  // Deployments of one model are equals to whoever ranks models.
  const agrees =
    first !== undefined &&
    chosen !== undefined &&
    (first.deployment === chosen || isSameModel(first.deployment, chosen));
  count.asked++;
  if (agrees) count.agreed++;
  if (first === undefined) count.silent++;
  decided.shadows.push({
    experiment,
    strategy: describedBy(instance, facts, onFault),
    deployment: first?.deployment.id,
    agrees,
    microseconds: Math.round((performance.now() - startedAt) * 1000),
  });
}

const isSameModel = (a: Target['deployment'], b: Target['deployment']) =>
  a.provider === b.provider && a.model === b.model && a.group === b.group;
