/** What a request has spent so far, running calls not counted. */
import { totalTokens } from './cost.ts';
import type { ModelCall } from './model-call.ts';

export function costSoFar(call: ModelCall): { readonly tokens: number; readonly nanoUsd: number } {
  return { tokens: call.usage ? totalTokens(call.usage) : 0, nanoUsd: call.costNanoUsd() ?? 0 };
}
