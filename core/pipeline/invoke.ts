/**
 * Inner calls a plugin asks for: the same path, in the same deadline and
 * trace, with a ledger row of their own. A group already being called in the
 * request is refused, so that no plugin can call itself in circles.
 */
import { type CallResult, type ChatRequest, type InvokeOptions, RutterError } from '@rutter/plugin-sdk';
import { Facts } from './facts.ts';
import { ModelCall } from './model-call.ts';
import { neutralDialect } from './neutral.ts';
import { asResult, wholeReply } from './results.ts';
import { serve } from './serve.ts';
import { settle } from './settle.ts';

/** Groups on the way to a request, itself included. */
const ancestry = new WeakMap<object, readonly string[]>();
const deepest = 4;

export async function invoke(
  group: string,
  request: Partial<ChatRequest> & Pick<ChatRequest, 'messages'>,
  options: InvokeOptions,
): Promise<CallResult> {
  const parent = options.within;
  const path = Facts.pathOf(parent);
  if (!path)
    throw new RutterError(
      'ERR_PLUGIN_INVALID',
      'An inner call names a request it does not belong to; expected the context it was given.',
    );
  const line = [...(ancestry.get(parent) ?? []), parent.group];
  const asked = path.models.resolve(group);
  if (!asked)
    throw new RutterError('ERR_REQUEST_UNKNOWN_MODEL', `Inner call for unknown model group ${group.slice(0, 128)}.`);
  if (line.includes(asked.group.name) || line.length > deepest)
    throw new RutterError('ERR_LIMIT_LOOP', `Model group ${asked.group.name} is being called in this request already.`);
  const facts = new Facts({ method: parent.method, path: parent.path, headers: {}, on: path, parent });
  ancestry.set(facts, line);
  const chat: ChatRequest = { extra: {}, ...request, model: group, stream: false };
  const { wire, body } = neutralDialect('chat', chat);
  const controls = options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs };
  const call = new ModelCall({
    facts,
    path,
    dialect: wire,
    body,
    read: { model: group, stream: false, includeUsage: true, controls, strip: [] },
  });
  facts.operation = 'chat';
  facts.group = asked.group.name;
  facts.useFeatures(() => path.features(facts, call));
  const leave = () => call.abort(RutterError.from(parent.signal.reason, 'ERR_REQUEST_ABORTED'));
  parent.signal.addEventListener('abort', leave, { once: true });
  try {
    const served = await serve(call, asked);
    const reply = await wholeReply(served);
    call.closeAll();
    settle(call, { status: 200, ending: 'complete', error: undefined, cacheable: { operation: 'chat', reply } });
    return asResult({ kind: 'reply', reply, target: served.target });
  } catch (thrown) {
    const error = RutterError.from(thrown);
    call.closeAll();
    settle(call, { status: error.status, ending: call.facts.aborted ? 'client' : 'error', error });
    throw error;
  } finally {
    parent.signal.removeEventListener('abort', leave);
  }
}
