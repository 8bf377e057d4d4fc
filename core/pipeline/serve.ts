/**
 * From a resolved call to what answers it: preRoute, then the loops around
 * select, attempts and fallbacks, then the checks on the reply.
 */
import { type ChatReply, RutterError } from '@rutter/plugin-sdk';
import { callWithFallbacks } from '../attempts/fallbacks.ts';
import { answerOf } from '../deadline.ts';
import { authoriseFallbacks } from './group-names.ts';
import { type Asked, isLooped, serveInLoops } from './loops.ts';
import type { ModelCall } from './model-call.ts';
import { wholeReply } from './results.ts';
import type { Served } from './served.ts';

/** Answers the call. What it returns has passed every check that can be made ahead of the first byte. */
export function serve(call: ModelCall, asked: Asked): Promise<Served> {
  const { models } = call.facts.principal;
  if (models) authoriseFallbacks(call, models);
  const hasLoops = isLooped(call, asked);
  call.needsNeutral = isNeutral(call, hasLoops);
  if (call.needsNeutral || call.path.hooks.preRoute.isUsed()) return serveChecked(call, asked, hasLoops);
  return called(call, asked, hasLoops);
}

const called = (call: ModelCall, asked: Asked, hasLoops: boolean): Promise<Served> =>
  hasLoops ? serveInLoops(call, asked) : callWithFallbacks(call, asked.group, { isDeployment: asked.isDeployment });

async function serveChecked(call: ModelCall, asked: Asked, hasLoops: boolean): Promise<Served> {
  const { preRoute } = call.path.hooks;
  if (preRoute.isUsed()) {
    const early = await preRoute.promise(call);
    if (early) return early;
  }
  const answer = await called(call, asked, hasLoops);
  if (call.beside.length > 0) await verdicts(call, answer);
  return call.needsNeutral ? checked(call, answer) : answer;
}

/** Whether someone must see events or the neutral reply. */
function isNeutral(call: ModelCall, hasLoops: boolean): boolean {
  const { path } = call;
  if (!call.wire.chat) return path.caches.length > 0 && call.operation === 'embeddings';
  return (
    hasLoops ||
    path.caches.length > 0 ||
    path.replyChecks.length > 0 ||
    path.streamGuards.length > 0 ||
    path.hooks.postCall.isUsed()
  );
}

/** Checks beside the call: a refusal closes what has been opened meanwhile. */
async function verdicts(call: ModelCall, answer: Served): Promise<void> {
  try {
    for (const verdict of await Promise.all(call.beside)) {
      if (verdict && typeof verdict === 'object' && 'reply' in verdict)
        throw new RutterError('ERR_PLUGIN_INVALID', 'A check beside the call can only refuse.');
    }
  } catch (error) {
    if (answer.kind === 'transfer') answer.transfer.abort(RutterError.from(error));
    throw error;
  }
}

/** Guards on the reply and `postCall`, on what is whole; streams are watched as they flow, see `respond`. */
async function checked(call: ModelCall, answer: Served): Promise<Served> {
  if (!call.wire.chat) return answer;
  const { hooks, replyChecks } = call.path;
  // A check that reads only whole replies holds a stream back: what it has not seen must not go out.
  const wholeOnly = replyChecks.filter(({ value }) => !value.events);
  const mustCollect = !call.stream || wholeOnly.length > 0 || hooks.postCall.isUsed();
  if (!mustCollect) return answer;
  let reply: ChatReply = await wholeReply(answer);
  for (const { instance, value } of call.stream ? wholeOnly : replyChecks) {
    try {
      const amended = value.checkReply?.(call.facts, reply);
      reply = (amended instanceof Promise ? await answerOf(instance.name, amended) : amended) ?? reply;
    } catch (error) {
      if (RutterError.is(error)) throw error;
      call.path.services.onFault(instance, error);
      throw new RutterError('ERR_PLUGIN_FAILED', `Guard ${instance.name} failed; the reply was withheld.`, {
        cause: error,
      });
    }
  }
  if (hooks.postCall.isUsed()) reply = await hooks.postCall.promise(reply, call);
  return { kind: 'reply', reply, target: answer.target };
}
