/**
 * The loops around one call: wraps from the outside in, then a strategy that
 * makes calls of its own, then the group with its fallbacks.
 */
import {
  type CallResult,
  type ChatEvent,
  type ChatRequest,
  type Invoke,
  RutterError,
  type Strategy,
} from '@rutter/plugin-sdk';
import { collectEvents } from '@rutter/plugin-sdk/codecs';
import { eligible, filterAhead } from '../attempts/eligible.ts';
import { callWithFallbacks } from '../attempts/fallbacks.ts';
import { callGroup, type GroupOptions } from '../attempts/group.ts';
import type { PluginInstance } from '../plugins/types.ts';
import { Decided } from './decided.ts';
import { exposureOf, selectorOf } from './experiments.ts';
import { innerCall } from './inner-call.ts';
import { begun, eventsUntilAborted, openLoop, spend, untilAborted } from './loop-budget.ts';
import type { ModelCall } from './model-call.ts';
import type { Group, Target } from './models.ts';
import { asResult, untouched } from './results.ts';
import type { Served } from './served.ts';

export interface Asked {
  readonly group: Group;
  readonly isDeployment: boolean;
}

type Next = (change?: Partial<ChatRequest>) => Promise<Served>;
type Answer = CallResult | AsyncIterable<ChatEvent> | undefined;

/** Whether a plugin runs a loop around calls for this group. */
export const isLooped = (call: ModelCall, { group }: Asked): boolean =>
  call.wire.chat !== undefined && (orchestratorOf(call, group) !== undefined || call.path.wrapsOf(group).length > 0);

/** A strategy's inner calls are not its own to split up again, in whichever group they are. */
function orchestratorOf(call: ModelCall, group: Group): PluginInstance<'strategy'> | undefined {
  const { orchestrator } = selectorOf(call, group.name);
  return call.isInvoked ? undefined : orchestrator;
}

export function serveInLoops(call: ModelCall, asked: Asked): Promise<Served> {
  const { group, isDeployment } = asked;
  const orchestrator = orchestratorOf(call, group);
  const wraps = call.path.wrapsOf(group);
  call.loop = openLoop(call, [
    ...wraps.map(({ value }) => value.limits),
    ...(orchestrator ? [orchestrator.value.limits] : []),
  ]);
  let next: Next = (change) => {
    if (orchestrator) return orchestrated(call, asked, orchestrator, change);
    spend(call);
    return callWithFallbacks(call, group, { isDeployment, change });
  };
  for (const { instance, value } of wraps.toReversed()) {
    const inner = next;
    next = async (outer) => {
      let change = outer;
      const again = async (own?: Partial<ChatRequest>) => {
        if (own !== undefined) change = { ...change, ...own };
        return asResult(await inner(change));
      };
      try {
        return await taken(call, instance, value.wrap?.(call, again, call.facts));
      } catch (error) {
        throw known(call, instance, error);
      }
    };
  }
  return next();
}

async function orchestrated(
  call: ModelCall,
  asked: Asked,
  instance: PluginInstance<'strategy'>,
  change: Partial<ChatRequest> | undefined,
): Promise<Served> {
  const strategy = instance.value as Strategy;
  const { group, isDeployment } = asked;
  const from = selectorOf(call, group.name).strategies.indexOf(instance) + 1;
  const invoke: Invoke = async (candidates, own, { timeoutMs } = {}) => {
    spend(call);
    const among = { ties: tiesOf(candidates), from };
    return asResult(await innerCall(call, group, { isDeployment, change: { ...change, ...own }, among, timeoutMs }));
  };
  return callWithFallbacks(call, group, { isDeployment, change }, async (inner, asking, options) => {
    if (asking !== group) return callGroup(inner, asking, options);
    call.group = group.name;
    if (call.path.filtersAhead.length > 0) await filterAhead(call, group);
    const candidates = eligible(call, group, { isDeployment });
    const startedAt = performance.now();
    try {
      const answer = await untilAborted(
        call,
        Promise.resolve(strategy.orchestrate?.(call.facts, candidates, invoke, call)),
      );
      if (answer === undefined) return await plainly(call, group, options, instance.name);
      const result = await taken(call, instance, Promise.resolve(answer));
      call.servedBy = servedBy(group, result, answer) ?? call.servedBy;
      call.route = `${instance.name} in ${call.loop?.calls ?? 0} calls${because(call)}`;
      call.decisions.push(decidedBy(call, instance, candidates, startedAt));
      return result;
    } catch (error) {
      // The plugin's own failure costs its rounds, not the request: the group is asked as if it had no say.
      if (RutterError.is(error) && !error.code.startsWith('ERR_PLUGIN_')) throw error;
      call.path.services.onFault(instance, error);
      call.explanation = '';
      return plainly(call, group, options, `${instance.name} failed`);
    }
  });
}

/** What the record tells of a request that a loop answered; each of its calls has a record of its own. */
function decidedBy(
  call: ModelCall,
  instance: PluginInstance<'strategy'>,
  candidates: readonly Target[],
  startedAt: number,
): Decided {
  const { facts, servedBy, route: reason, path } = call;
  const served = candidates.filter((candidate) => candidate === servedBy);
  const ranking = [...served, ...candidates.filter((candidate) => candidate !== servedBy)];
  return new Decided({
    ...{
      group: call.group,
      facts,
      selection: { ranking, reason, by: [instance] },
      strategies: [instance],
      reviewers: [],
    },
    ...{ startedAt, preparedAt: startedAt, exposure: exposureOf(call, call.group), onFault: path.services.onFault },
  });
}

const because = ({ explanation }: ModelCall) => (explanation === '' ? '' : `: ${explanation}`);

/** As if the loop had no say. */
async function plainly(call: ModelCall, group: Group, options: GroupOptions, who: string): Promise<Served> {
  const served = await callGroup(call, group, options);
  call.route = `${who}${because(call)}, then ${call.route}`;
  return served;
}

function tiesOf(candidates: Parameters<Invoke>[0]): readonly (readonly Target[])[] {
  const list = (Array.isArray(candidates) ? candidates : [candidates]) as readonly (Target | readonly Target[])[];
  return list.map((one) => (Array.isArray(one) ? one : [one]) as readonly Target[]);
}

/** Whose answer it is, where several were asked. */
function servedBy({ targets }: Group, served: Served, answer: Answer): Target | undefined {
  if (served.kind === 'transfer' || served.target) return served.target;
  const made = answer as Partial<CallResult>;
  return targets.find(({ deployment }) => deployment === made.deployment);
}

/** What a loop returned: a result passed on untouched, or one of its own. */
async function taken(
  call: ModelCall,
  instance: PluginInstance,
  answering: Promise<Answer> | undefined,
): Promise<Served> {
  const result = await untilAborted(call, Promise.resolve(answering));
  const served = result && untouched(result);
  if (served) return served;
  if (typeof result !== 'object' || result === null) throw invalid(instance, String(result));
  if (Symbol.asyncIterator in result) return made(call, instance, result);
  if (typeof result.events !== 'function' || typeof result.reply !== 'function')
    throw invalid(instance, 'an object without `reply` and `events`');
  if (call.stream) return made(call, instance, result.events());
  return { kind: 'reply', reply: await untilAborted(call, result.reply()), target: undefined };
}

const invalid = (instance: PluginInstance, found: string) =>
  new RutterError('ERR_PLUGIN_INVALID', `The loop of ${instance.name} returned ${found}; expected a result or events.`);

async function made(call: ModelCall, instance: PluginInstance, events: AsyncIterable<ChatEvent>): Promise<Served> {
  const bounded = told(call, instance, eventsUntilAborted(call, events));
  if (call.stream) return { kind: 'events', events: await begun(bounded), target: undefined };
  return { kind: 'reply', reply: await collectEvents(bounded), target: undefined };
}

/** A plugin's generator fails by name, whenever it does. */
async function* told(
  call: ModelCall,
  instance: PluginInstance,
  events: AsyncIterable<ChatEvent>,
): AsyncGenerator<ChatEvent> {
  try {
    yield* events;
  } catch (error) {
    throw known(call, instance, error);
  }
}

function known(call: ModelCall, instance: PluginInstance, error: unknown): RutterError {
  if (RutterError.is(error)) return error;
  call.path.services.onFault(instance, error);
  return new RutterError('ERR_PLUGIN_FAILED', `The loop of ${instance.name} failed.`, { cause: error });
}
