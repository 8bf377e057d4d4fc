/**
 * Copies of requests that go to another group, `silent_model`, to compare it
 * with the one that answers. Nobody waits for them: whatever they take, cost or
 * suffer, the caller never notices. They have a row of their own in the ledger.
 */
import { RutterError } from '@rutter/plugin-sdk';
import { Facts } from './facts.ts';
import { ModelCall } from './model-call.ts';
import type { Group } from './models.ts';
import type { Served } from './served.ts';
import { settle } from './settle.ts';

/** Copies under way at once in one generation; beyond them requests go without. */
const mostShadows = 64;

export type CallGroup = (call: ModelCall, group: Group) => Promise<Served>;

/** Starts the copy that the deployment asks for: at most one a request, and none of a copy. */
export function shadow(call: ModelCall, name: string, callGroup: CallGroup): void {
  const { path } = call;
  if (call.isShadow || call.hasShadow || call.form || path.shadows >= mostShadows) return;
  const asked = path.models.resolve(name);
  if (!asked) return;
  call.hasShadow = true;
  path.shadows++;
  const lease = path.hold();
  const copy = copyOf(call, name);
  path.active.add(copy);
  void run(copy, asked.group, callGroup).finally(() => {
    path.active.delete(copy);
    path.shadows--;
    lease.release();
  });
}

function copyOf(call: ModelCall, name: string): ModelCall {
  const { facts, path, wire, body, read } = call;
  const own = new Facts({ method: facts.method, path: facts.path, headers: {}, on: path, parent: facts });
  own.operation = facts.operation;
  // Neither the caller's fallbacks nor its retries: what is compared is one answer of this group.
  const controls = { numRetries: 0, disableFallbacks: true };
  const copy = new ModelCall({ facts: own, path, dialect: wire, body, read: { ...read, model: name, controls } });
  own.useFeatures(() => path.features(own, copy));
  copy.isShadow = true;
  copy.inherit(call);
  return copy;
}

/** Never rejects. */
async function run(copy: ModelCall, group: Group, callGroup: CallGroup): Promise<void> {
  let error: RutterError | undefined;
  try {
    const served = await callGroup(copy, group);
    if (served.kind === 'transfer') {
      await new Promise<void>((resolve) => {
        served.transfer.flow({ bytes: () => {}, events: () => {}, end: resolve, fail: () => resolve() });
      });
      error = served.transfer.error;
    }
  } catch (thrown) {
    error = RutterError.from(thrown);
  }
  copy.closeAll();
  settle(copy, { status: error?.status ?? 200, ending: error ? 'error' : 'complete', error });
}
