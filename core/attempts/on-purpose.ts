/**
 * Replies and failures on purpose: what a deployment or a caller writes down
 * in place of a call, and what a caller asks for to see retries and fallbacks
 * at work. Nothing of it is held against a deployment or kept in a cache.
 */
import { type ErrorCode, RutterError } from '@rutter/plugin-sdk';
import type { ModelCall } from '../pipeline/model-call.ts';
import type { Target } from '../pipeline/models.ts';
import type { Served } from '../pipeline/served.ts';
import { estimatedTokens } from '../pricing/usage.ts';
import { timers } from './timers.ts';
import { pause } from './wait.ts';

/** Failures of the group that was asked, ahead of any call and without retries. */
const groupFailures: Readonly<Record<string, ErrorCode>> = {
  mock_testing_fallbacks: 'ERR_PROVIDER_INTERNAL',
  mock_testing_context_fallbacks: 'ERR_PROVIDER_CONTEXT_WINDOW',
  mock_testing_content_policy_fallbacks: 'ERR_PROVIDER_CONTENT_POLICY',
};
const switches = [...Object.keys(groupFailures), 'mock_testing_rate_limit_error', 'mock_timeout'];

/** What `mock_response` may name in place of a text, as LiteLLM writes them. */
const namedFailures: Readonly<Record<string, ErrorCode>> = {
  'litellm.RateLimitError': 'ERR_PROVIDER_RATE_LIMIT',
  'litellm.ContextWindowExceededError': 'ERR_PROVIDER_CONTEXT_WINDOW',
  'litellm.InternalServerError': 'ERR_PROVIDER_INTERNAL',
};

const asked = (call: ModelCall, name: string): boolean => call.controls.rest?.[name] === true;

/** Throws 400 where a caller may not test so; undefined leaves the group to be called. */
export function groupFailure(call: ModelCall, group: string): RutterError | undefined {
  const { rest } = call.controls;
  if (rest === undefined) return undefined;
  const wanted = switches.find((name) => rest[name] !== undefined && rest[name] !== null && rest[name] !== false);
  if (wanted === undefined) return undefined;
  if (!call.path.configuration.kernel.mockTestingAllowed)
    throw new RutterError(
      'ERR_REQUEST_INVALID',
      `"${wanted}" is for tests; it needs general_settings.dangerously_allow_mock_testing_request_params: true.`,
      { param: wanted },
    );
  if (!asked(call, wanted))
    throw new RutterError('ERR_REQUEST_INVALID', `"${wanted}" is neither true nor false.`, { param: wanted });
  const code = groupFailures[wanted];
  return code && onPurpose(code, `"${wanted}" was asked for group ${group}`);
}

/** Whether {@link standIn} has to be asked. */
export const mayStandIn = (call: ModelCall, target: Target): boolean =>
  call.controls.rest !== undefined ||
  target.settings.params.mock_response !== undefined ||
  call.path.hooks.call.isUsed();

/** What stands in for the call of a deployment: a reply that is written down, else one of a plugin's. */
export async function standIn(call: ModelCall, target: Target, count: number): Promise<Served | undefined> {
  await failTry(call, target, count);
  const { call: hook } = call.path.hooks;
  return mockReply(call, target) ?? (hook.isUsed() ? hook.promise(call, target) : undefined);
}

/** Fails one try of the group that was asked: the first with a rate limit, each with a timeout. */
async function failTry(call: ModelCall, target: Target, count: number): Promise<void> {
  if (call.fallbacks > 0) return;
  if (count === 0 && asked(call, 'mock_testing_rate_limit_error'))
    throw onPurpose('ERR_PROVIDER_RATE_LIMIT', '"mock_testing_rate_limit_error" was asked');
  if (!asked(call, 'mock_timeout')) return;
  const { totalMs } = timers(call, target);
  await pause(call, totalMs);
  throw onPurpose('ERR_PROVIDER_TIMEOUT', `"mock_timeout" was asked, and ${totalMs} ms have passed`);
}

/** The reply in place of a call: the caller's, else the deployment's. */
function mockReply(call: ModelCall, target: Target): Served | undefined {
  const mock = call.controls.rest?.mock_response ?? target.settings.params.mock_response;
  if (mock === undefined || mock === null) return undefined;
  if (!call.wire.chat)
    throw new RutterError(
      'ERR_ROUTE_UNSUPPORTED',
      `"mock_response" stands for chat replies, not for ${call.operation}.`,
    );
  const text = typeof mock === 'string' ? mock : JSON.stringify(mock);
  const code = namedFailures[text];
  if (code) throw onPurpose(code, `"mock_response" is ${text}`);
  call.isMocked = true;
  const usage = { input: estimatedTokens(call.text().length), output: estimatedTokens(text.length), estimated: true };
  return { kind: 'reply', reply: { model: target.deployment.model, text, end: 'stop', usage }, target };
}

const purposes = new WeakSet<RutterError>();

function onPurpose(code: ErrorCode, why: string): RutterError {
  const error = new RutterError(code, `A failure on purpose: ${why}.`);
  purposes.add(error);
  return error;
}

/** Whether an error says nothing of the deployment. */
export const isOnPurpose = (error: RutterError): boolean => purposes.has(error);
