/** A copy of a chat for the group that its deployment names as `silent_model`: recorded, and seen by nobody. */
import { invoke } from './invoke.ts';
import type { ModelCall } from './model-call.ts';
import type { Served } from './served.ts';

/** Larger requests are not copied: they are worked on in slices, which a copy cannot share. */
const largestCopied = 1024 * 1024;

/** Undefined where there is nothing to copy. Never rejects: what goes wrong stands in the ledger. */
export function silentCopy(call: ModelCall, { target }: Served): Promise<void> | undefined {
  const group = target?.settings.silentModel;
  if (group === undefined || call.operation !== 'chat' || call.body.bytes.length > largestCopied) return undefined;
  const { model: _, stream: _stream, ...request } = call.chat();
  return invoke(group, request, { within: call.facts }).then(
    () => {},
    () => {},
  );
}
