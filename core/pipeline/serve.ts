/**
 * From a resolved call to what answers it: preRoute, then the loops around
 * select, attempts and fallbacks, then the checks on the reply.
 */
import { type CallResult, type Candidate, type ChatEvent, type ChatReply, type ChatRequest, type Invoke, RutterError, type Strategy } from '@rutter/plugin-sdk';
import { eligible } from '../attempts/eligible.ts';
import { callWithFallbacks } from '../attempts/fallbacks.ts';
import { callGroup } from '../attempts/group.ts';
import type { PluginInstance } from '../plugins/types.ts';
import { costSoFar } from './loop-budget.ts';
import type { LoopBudget, ModelCall } from './model-call.ts';
import type { Group, Target } from './models.ts';
import { within } from './pre-route.ts';
import { asResult, fromResult, wholeReply } from './results.ts';
import type { Served } from './served.ts';

export interface Asked {
  readonly group: Group;
  readonly isDeployment: boolean;
}

const guardTimeoutMs = 30_000;

/** Answers the call. What it returns has passed every check that can be made ahead of the first byte. */
export async function serve(call: ModelCall, asked: Asked): Promise<Served> {
  const { hooks } = call.path;
  const orchestrator = call.path.selector(asked.group).orchestrator;
  call.needsNeutral = isNeutral(call, orchestrator);
  if (hooks.preRoute.isUsed()) {
    const early = await hooks.preRoute.promise(call);
    if (early) return early;
  }
  const answer = await looped(call, asked, orchestrator);
  if (call.beside.length > 0) await verdicts(call, answer);
  return call.needsNeutral ? checked(call, answer) : answer;
}

/** Whether someone must see events or the neutral reply. */
function isNeutral(call: ModelCall, orchestrator: PluginInstance | undefined): boolean {
  const { path } = call;
  if (!call.wire.chat) return path.caches.length > 0 && call.operation === 'embeddings';
  return orchestrator !== undefined || path.wraps.length > 0 || path.caches.length > 0 || path.replyChecks.length > 0 || path.streamGuards.length > 0 || path.hooks.postCall.isUsed();
}

/** Checks beside the call: a refusal closes what has been opened meanwhile. */
async function verdicts(call: ModelCall, answer: Served): Promise<void> {
  try {
    for (const verdict of await Promise.all(call.beside)) {
      if (verdict && typeof verdict === 'object' && 'reply' in verdict) throw new RutterError('ERR_PLUGIN_INVALID', 'A check beside the call can only refuse.');
    }
  } catch (error) {
    if (answer.kind === 'transfer') answer.transfer.abort(RutterError.from(error));
    throw error;
  }
}

type Next = (change?: Partial<ChatRequest>) => Promise<Served>;

function looped(call: ModelCall, asked: Asked, orchestrator: PluginInstance<'strategy'> | undefined): Promise<Served> {
  const isLoop = call.wire.chat !== undefined && (call.path.wraps.length > 0 || orchestrator !== undefined);
  if (!isLoop) return callWithFallbacks(call, asked.group, { isDeployment: asked.isDeployment });
  call.loop = loopBudget(call, orchestrator);
  let next: Next = (change) => {
    spend(call);
    return orchestrator ? orchestrated(call, asked, orchestrator, change) : callWithFallbacks(call, asked.group, { isDeployment: asked.isDeployment, change });
  };
  for (const { instance, value } of call.path.wraps.toReversed()) {
    const inner = next;
    next = async (outer) => {
      let change = outer;
      const result = await value.wrap?.(
        call,
        async (own) => {
          change = own === undefined ? change : { ...change, ...own };
          return asResult(await inner(change));
        },
        call.facts,
      );
      if (!result) throw new RutterError('ERR_PLUGIN_INVALID', `The loop of ${instance.name} returned nothing; expected a result or events.`);
      return fromResult(result);
    };
  }
  return next();
}

/** The tightest of what the loops around this call allow. */
function loopBudget(call: ModelCall, orchestrator: PluginInstance | undefined): LoopBudget {
  const limits = [...call.path.wraps.map(({ value }) => value.limits), orchestrator?.value.limits];
  const least = (name: 'calls' | 'tokens' | 'nanoUsd' | 'timeMs', otherwise: number) => Math.min(...limits.map((limit) => limit?.[name] ?? otherwise));
  const timeMs = least('timeMs', call.controls.timeoutMs ?? call.path.configuration.router.timeoutMs);
  return { calls: 0, maxCalls: least('calls', 8), maxTokens: least('tokens', Number.POSITIVE_INFINITY), maxNanoUsd: least('nanoUsd', Number.POSITIVE_INFINITY), dueAt: performance.now() + timeMs };
}

/** Counts one inner call and refuses it where a bound is reached. */
function spend(call: ModelCall): void {
  const { loop } = call;
  if (!loop) return;
  const { tokens, nanoUsd } = costSoFar(call);
  const reached =
    loop.calls >= loop.maxCalls
      ? `${loop.maxCalls} inner calls`
      : tokens >= loop.maxTokens
        ? `${loop.maxTokens} tokens`
        : nanoUsd >= loop.maxNanoUsd
          ? `${loop.maxNanoUsd} nano-dollars`
          : performance.now() >= loop.dueAt
            ? 'the time allowed'
            : undefined;
  if (reached) throw new RutterError('ERR_LIMIT_LOOP', `The loop around this request has used up ${reached}.`);
  loop.calls++;
}

async function orchestrated(call: ModelCall, asked: Asked, instance: PluginInstance<'strategy'>, change: Partial<ChatRequest> | undefined): Promise<Served> {
  const strategy = instance.value as Strategy;
  const { group, isDeployment } = asked;
  const invoke: Invoke = async (candidates, own) => {
    spend(call);
    const among = (Array.isArray(candidates) ? candidates : [candidates]) as readonly Candidate[];
    return asResult(await callGroup(call, group, { isDeployment, change: { ...change, ...own }, among: among as readonly Target[] }));
  };
  return callWithFallbacks(call, group, { isDeployment, change }, async (inner, asking, options) => {
    if (asking !== group) return callGroup(inner, asking, options);
    call.group = group.name;
    const candidates = eligible(call, group, isDeployment).targets;
    try {
      const result = fromResult((await strategy.orchestrate?.(call.facts, candidates, invoke, call)) as CallResult | AsyncIterable<ChatEvent>);
      call.route = `${instance.name} in ${call.loop?.calls ?? 0} calls`;
      return result;
    } catch (error) {
      if (RutterError.is(error) && !error.code.startsWith('ERR_PLUGIN_')) throw error;
      call.path.services.onFault(instance, error);
      return callGroup(call, group, options);
    }
  });
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
      reply = (amended instanceof Promise ? await within(guardTimeoutMs, instance.name, amended) : amended) ?? reply;
    } catch (error) {
      if (RutterError.is(error)) throw error;
      call.path.services.onFault(instance, error);
      throw new RutterError('ERR_PLUGIN_FAILED', `Guard ${instance.name} failed; the reply was withheld.`, { cause: error });
    }
  }
  if (hooks.postCall.isUsed()) reply = await hooks.postCall.promise(reply, call);
  return { kind: 'reply', reply, target: answer.target };
}
