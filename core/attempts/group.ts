/**
 * Serves one model group: select, call, and try again while the error, the
 * policy and the retry budget allow. Each try selects afresh.
 */
import { type ChatRequest, RutterError, type Usage } from '@rutter/plugin-sdk';
import { hasList, specialListOf } from '../pipeline/fallback-lists.ts';
import type { ModelCall, RunningAttempt } from '../pipeline/model-call.ts';
import type { Group, Target } from '../pipeline/models.ts';
import { wholeReply } from '../pipeline/results.ts';
import { fallsBack, policyOf, retriesOf } from '../pipeline/routing.ts';
import type { Served } from '../pipeline/served.ts';
import { shadow } from '../pipeline/shadow.ts';
import { estimatedTokens, totalTokens } from '../pricing/usage.ts';
import { mendingMessages } from '../structured/ladder.ts';
import type { SchemaFault } from '../structured/schema-check.ts';
import type { Charge } from './charges.ts';
import { type Chosen, chargedAgain, chosen } from './choose.ts';
import { type EligibleOptions, eligible, filterAhead, orderOf } from './eligible.ts';
import { errorClass } from './errors.ts';
import { groupFailure, isOnPurpose, mayStandIn, standIn } from './on-purpose.ts';
import { credentials, startTransfer } from './start.ts';
import type { Transfer } from './transfer.ts';
import { pause, waitBefore } from './wait.ts';

export interface GroupOptions {
  readonly change?: Partial<ChatRequest> | undefined;
  /** A deployment named by its id is tried even while it cools down. */
  readonly isDeployment?: boolean;
  /** Candidates an inner call chose itself; selection is left out. */
  readonly among?: Chosen | undefined;
}

export async function callGroup(call: ModelCall, group: Group, options: GroupOptions = {}): Promise<Served> {
  let tried: Set<Target> | undefined;
  const { retryBudget } = call.path.services;
  retryBudget.firstTry();
  call.group = group.name;
  call.facts.group = group.name;
  const failure = call.fallbacks === 0 ? groupFailure(call, group.name) : undefined;
  if (failure) throw failure;
  if (call.path.filtersAhead.length > 0) await filterAhead(call, group);
  let last: RutterError | undefined;
  // Set once the lower orders have had all the tries they may have.
  let aboveOrder: number | undefined;
  for (let count = 0; ; count++) {
    if (call.facts.aborted) throw call.facts.aborted;
    const asking = aboveOrder === undefined ? options : { ...options, aboveOrder };
    let targets: readonly Target[];
    try {
      targets = eligible(call, group, asking);
    } catch (error) {
      // A retry that finds nobody healthy reports what went wrong, not that nobody is left.
      throw last ?? error;
    }
    const choice = chosen(call, group, { asking, targets, tried, among: options.among });
    const { target, charge } = choice instanceof Promise ? await choice.catch(orLast(last)) : choice;
    call.maxRetries = retriesOf(call, target);
    if (target.settings.silentModel !== undefined) shadow(call, target.settings.silentModel, callGroup);
    try {
      return await tryTarget(call, target, { change: options.change, charge, count });
    } catch (thrown) {
      const error = RutterError.from(thrown);
      last = error;
      tried ??= new Set();
      tried.add(target);
      if (call.facts.aborted) throw call.facts.aborted;
      if (mayRetry(call, group, target, error, count) && retryBudget.take())
        await pause(call, waitBefore(call, error, count, hasOther(call, group, target, asking)));
      else if (mayClimb(call, group, target, error)) aboveOrder = orderOf(target);
      else throw error;
      call.retries++;
    }
  }
}

/** A retry that finds nobody reports what went wrong, not that nobody is left. */
function orLast(last: RutterError | undefined): (error: unknown) => never {
  return (error) => {
    throw last ?? error;
  };
}

const isFree = (call: ModelCall, target: Target) => !call.path.cooldowns.isCooling(target);

/** Whether a retry can go to another deployment than the one that just failed. */
function hasOther(call: ModelCall, group: Group, failed: Target, asking: EligibleOptions): boolean {
  try {
    return eligible(call, group, asking).some((target) => target !== failed);
  } catch {
    return false;
  }
}

/** LiteLLM's rules (router `should_retry_this_error`), plain 400s never retried. */
function mayRetry(call: ModelCall, group: Group, target: Target, error: RutterError, count: number): boolean {
  const policy = policyRetries(call, group, error);
  const most = target.settings.numRetries ?? policy ?? call.maxRetries;
  call.maxRetries = most;
  if (count >= most) return false;
  const special = specialListOf(error);
  if (special && hasList(call, special)) return false;
  if (error.status === 404) return false;
  // The same credentials would be refused again.
  if ((error.status === 401 || error.status === 403) && group.targets.length <= 1) return false;
  // A form that has begun to leave is gone.
  if (call.form?.isStarted) return false;
  if (!group.targets.some((one) => isFree(call, one))) return false;
  return policy !== undefined || error.retry !== 'never';
}

/** Errors that lie in what was asked: the same group's next order would give the same answer. */
const ofTheRequest: ReadonlySet<string> = new Set([
  'ERR_PROVIDER_BAD_REQUEST',
  'ERR_PROVIDER_UNPROCESSABLE',
  'ERR_PROVIDER_CONTEXT_WINDOW',
  'ERR_PROVIDER_CONTENT_POLICY',
]);

/** Whether deployments of a higher order stand by for one that has had all its tries. */
function mayClimb(call: ModelCall, group: Group, failed: Target, error: RutterError): boolean {
  if (!fallsBack(call) || call.form?.isStarted) return false;
  if (!error.code.startsWith('ERR_PROVIDER_') || ofTheRequest.has(error.code)) return false;
  return group.targets.some((target) => orderOf(target) > orderOf(failed) && isFree(call, target));
}

function policyRetries(call: ModelCall, group: Group, error: RutterError): number | undefined {
  const name = errorClass(error);
  return name && policyOf(call, group, name);
}

interface Try {
  readonly change: Partial<ChatRequest> | undefined;
  readonly charge: Charge | undefined;
  /** Tries of the group before this one. */
  readonly count: number;
  /** The second try of one deployment, with another credential than was refused. */
  readonly isRenewed?: boolean;
  /** The round to mend a reply that did not fit its schema. */
  readonly isMended?: boolean;
}

async function tryTarget(
  call: ModelCall,
  target: Target,
  { change, charge, count, isRenewed = false, isMended = false }: Try,
): Promise<Served> {
  const { cooldowns } = call.path;
  // In the tick of the decision: the next request must see this one.
  target.live.began();
  const attempt = beginAttempt(call, target);
  let transfer: Transfer | undefined;
  let mending: Partial<ChatRequest> | undefined;
  try {
    const stood = mayStandIn(call, target) ? await standIn(call, target, count) : undefined;
    if (stood) {
      attempt.endedMs = call.sinceArrival();
      target.live.ended();
      charge?.settle(undefined, false);
      call.servedBy = target;
      return stood;
    }
    const starting = startTransfer(call, target, change);
    const started = starting instanceof Promise ? await starting : starting;
    transfer = started.transfer;
    call.structuredOutput = started.rung;
    const stop = listenForAbort(call, transfer);
    whenOver(call, { target, attempt, transfer, charge, stop });
    await transfer.ready;
    attempt.status = transfer.status;
    attempt.firstTokenMs = call.sinceArrival();
    call.firstTokenMs ??= call.elapsed();
    call.servedBy = target;
    call.upstreamMs += transfer.firstContentAt - transfer.startedAt;
    const served: Served = { kind: 'transfer', transfer, target, form: started.form };
    const { check, messages = [] } = started;
    if (!check) return served;
    const checked = check(await wholeReply(served));
    call.vendorHeaders = transfer.headers;
    if ('reply' in checked) {
      const usage = isMended ? call.usage : checked.reply.usage;
      return { kind: 'reply', reply: { ...checked.reply, ...(usage && { usage }) }, target };
    }
    if (isMended) throw unfit(checked.fault);
    mending = { ...change, messages: mendingMessages(messages, checked.said, checked.fault) };
  } catch (thrown) {
    const error = RutterError.from(thrown, 'ERR_PLUGIN_FAILED');
    attempt.endedMs = call.sinceArrival();
    attempt.error = { code: error.code, message: error.message };
    attempt.status = transfer?.status || error.status;
    call.failedBy = { target, headers: transfer?.headers ?? {} };
    if (transfer) call.upstreamMs += performance.now() - transfer.startedAt;
    else target.live.ended();
    if (
      transfer &&
      !isRenewed &&
      isStale(call, target, error, transfer) &&
      !call.facts.aborted &&
      !call.form?.isStarted
    ) {
      call.retries++;
      return tryTarget(call, target, { change, charge, count, isMended, isRenewed: true });
    }
    charge?.settle(undefined, transfer !== undefined);
    // One that broke off later has told its own failure.
    if (!call.facts.aborted && !transfer?.hasBegun && !isOfCaller(call) && !isOnPurpose(error))
      cooldowns.failed(target, error, call.path.models.sizeOf(target.deployment.group));
    throw error;
  }
  const again = await chargedAgain(call, target);
  return tryTarget(call, target, { change: mending, charge: again, count, isRenewed, isMended: true });
}

const unfit = ({ summary }: SchemaFault) =>
  new RutterError(
    'ERR_PROVIDER_SCHEMA',
    `The reply does not fit the JSON Schema that was asked for, also after one round to mend it: ${summary}.`,
  );

/** Whether a failure may be the fault of a key or an address that the caller brought along. */
const isOfCaller = ({ brought }: ModelCall): boolean => brought.has('api_key') || brought.has('api_base');

/** What AWS says, with 403, of temporary credentials that have ended. */
const endedToken = /security token|expired/i;

/** Whether a fetched credential was refused and another can be had: that is no fault of the deployment. */
function isStale(call: ModelCall, target: Target, error: RutterError, transfer: Transfer): boolean {
  if (error.status !== 401 && !(error.status === 403 && endedToken.test(error.message))) return false;
  const { authenticator, now } = call.path.services;
  const usedAt = now() - (performance.now() - transfer.startedAt);
  return authenticator.invalidate(target.auth, credentials(target), usedAt);
}

/** Told of one request. */
const mostAttempts = 64;

function beginAttempt(call: ModelCall, target: Target): RunningAttempt {
  const { id, provider, model, group } = target.deployment;
  const attempt = { deployment: id, provider, model, group, startedMs: call.sinceArrival(), endedMs: 0 };
  if (call.attempts.length < mostAttempts) call.attempts.push(attempt);
  if (call.outer && call.outer.attempts.length < mostAttempts) call.outer.attempts.push(attempt);
  return attempt;
}

/** The client's leaving closes the upstream, unless the vendor is to be read to its end. */
function listenForAbort(call: ModelCall, transfer: Transfer): () => void {
  const abort = (reason: RutterError) => transfer.abort(reason);
  call.onAbort.add(abort);
  return () => call.onAbort.delete(abort);
}

interface Watching {
  readonly target: Target;
  readonly attempt: RunningAttempt;
  readonly transfer: Transfer;
  readonly charge: Charge | undefined;
  readonly stop: () => void;
}

function whenOver(call: ModelCall, { target, attempt, transfer, charge, stop }: Watching): void {
  transfer.whenOver(() => {
    stop();
    target.live.ended();
    attempt.endedMs = call.sinceArrival();
    const { error } = transfer;
    if (error && transfer.firstContentAt > 0) attempt.error = { code: error.code, message: error.message };
    if (error && transfer.hasBegun && !call.facts.aborted && !isOfCaller(call))
      call.path.cooldowns.failed(target, error, call.path.models.sizeOf(target.deployment.group), true);
    // One that failed ahead of any content is settled by whoever tried it: there may be a second try.
    if (transfer.firstContentAt === 0 && !call.facts.aborted) return;
    const usage = usageOf(call, transfer, error !== undefined);
    charge?.settle(usage, true);
    if (!usage) return;
    call.account(usage, target);
    if (error) return;
    target.live.succeeded(
      transfer.endedAt - transfer.startedAt,
      transfer.firstContentAt - transfer.startedAt,
      totalTokens(usage),
    );
    call.path.cooldowns.succeeded(target);
  });
}

/** What the vendor reported, else an estimate of what was sent and produced. */
function usageOf(call: ModelCall, transfer: Transfer, isBroken: boolean): Usage | undefined {
  if (transfer.usage) return transfer.usage;
  if (transfer.status === 0 && isBroken) return undefined;
  return {
    input: estimatedTokens(call.text().length),
    output: estimatedTokens(transfer.outputLength),
    estimated: true,
  };
}
