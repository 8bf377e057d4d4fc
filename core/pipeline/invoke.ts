/**
 * Inner calls a plugin asks for: the same path, in the same deadline, bounds
 * and trace, as the same caller, with a ledger row of their own. A group already being called in the
 * request is refused, so that no plugin can call itself in circles.
 */
import {
  type CallResult,
  type ChatReply,
  type ChatRequest,
  type InvokeOptions,
  type RequestContext,
  RutterError,
} from '@rutter/plugin-sdk';
import { Facts } from './facts.ts';
import { addInvoked, loops, spend } from './loop-budget.ts';
import { ModelCall } from './model-call.ts';
import type { Resolved } from './models.ts';
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
  const { models } = parent.principal;
  const asked = path.models.resolve(group, models);
  if (!asked)
    throw new RutterError('ERR_REQUEST_UNKNOWN_MODEL', `Inner call for unknown model group ${group.slice(0, 128)}.`);
  if (line.includes(asked.group.name) || line.length > deepest)
    throw new RutterError('ERR_LIMIT_LOOP', `Model group ${asked.group.name} is being called in this request already.`);
  const facts = new Facts({ method: parent.method, path: parent.path, headers: {}, on: path, parent });
  ancestry.set(facts, line);
  if (!path.models.mayAsk(models, group, asked.group))
    throw new RutterError(
      'ERR_REQUEST_FORBIDDEN',
      `This key may not call model ${group.slice(0, 128)}, which a strategy asks.`,
    );
  const chat: ChatRequest = { extra: {}, stream: false, ...request, model: group };
  const { wire, body } = neutralDialect('chat', chat);
  const stream = chat.stream;
  const controls = options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs };
  const call = new ModelCall({
    facts,
    path,
    dialect: wire,
    body,
    read: { model: group, stream, includeUsage: true, controls, strip: [] },
  });
  call.isInvoked = true;
  facts.operation = 'chat';
  facts.group = asked.group.name;
  facts.useFeatures(() => path.features(facts, call));
  const outer = loops.get(parent);
  if (outer) spend(outer);
  return settled(call, asked, { parent, outer, timeoutMs: options.timeoutMs });
}

interface Around {
  readonly parent: RequestContext;
  /** The call whose loop this one belongs to. */
  readonly outer: ModelCall | undefined;
  readonly timeoutMs: number | undefined;
}

async function settled(call: ModelCall, asked: Resolved, { parent, outer, timeoutMs }: Around): Promise<CallResult> {
  const end = (reason: RutterError) => call.abort(reason);
  const leave = () => end(RutterError.from(parent.signal.reason, 'ERR_REQUEST_ABORTED'));
  if (parent.signal.aborted) leave();
  else parent.signal.addEventListener('abort', leave, { once: true });
  const tooLong = () =>
    call.abort(new RutterError('ERR_PROVIDER_TIMEOUT', `An inner call took longer than ${timeoutMs} ms.`));
  const timer = timeoutMs === undefined ? undefined : setTimeout(tooLong, timeoutMs);
  const over = (error: RutterError | undefined, reply?: ChatReply) => {
    clearTimeout(timer);
    parent.signal.removeEventListener('abort', leave);
    outer?.onAbort.delete(end);
    call.closeAll();
    if (outer) addInvoked(outer, call);
    const ending =
      error === undefined ? 'complete' : parent.signal.aborted ? 'client' : call.servedBy ? 'broke' : 'error';
    settle(call, {
      status: error?.status ?? 200,
      ending,
      error,
      ...(reply ? { cacheable: { operation: 'chat', reply } } : {}),
    });
  };
  try {
    // Not its end alone: a stream that nobody reads is closed with the request.
    outer?.onAbort.add(end);
    const served = await serve(call, asked);
    if (call.stream && served.kind === 'transfer') {
      clearTimeout(timer);
      served.transfer.whenOver(() => over(served.transfer.error));
      return asResult(served);
    }
    const reply = await wholeReply(served);
    over(undefined, reply);
    return asResult({ kind: 'reply', reply, target: served.target });
  } catch (thrown) {
    const error = RutterError.from(thrown);
    over(error);
    throw error;
  }
}
