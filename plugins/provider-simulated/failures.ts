/** Which requests fail, as their scripts say. */
import type { Script } from './script.ts';

/** Models whose failures are counted; beyond that counting starts anew. */
const maxModels = 10_000;

/** Whether a request fails: the first ones of a model where the script says so, else by chance. */
export function failureDrawer(random: () => number) {
  const failed = new Map<string, number>();
  return (model: string, { failFirst = 0, errorRate, errorStatus }: Script): boolean => {
    const before = failed.get(model) ?? 0;
    if (before < failFirst) {
      if (failed.size >= maxModels) failed.clear();
      failed.set(model, before + 1);
      return true;
    }
    const rate = errorRate ?? (errorStatus === undefined || failFirst > 0 ? 0 : 1);
    return rate > 0 && random() < rate;
  };
}
