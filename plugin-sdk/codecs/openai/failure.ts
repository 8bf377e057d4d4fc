/** Errors of OpenAI and of servers that imitate it, read from whatever shape they chose. */
import type { ErrorCode, RutterError } from '../../contract/errors.ts';
import { safeMessage, statusCode, type VendorError, vendorFailure } from '../failures.ts';
import { isArray, isObject, isString, type JsonObject, parseJson } from '../values.ts';

type Headers = Readonly<Record<string, string>>;

const byCode: Readonly<Record<string, ErrorCode>> = {
  context_length_exceeded: 'ERR_PROVIDER_CONTEXT_WINDOW',
  string_above_max_length: 'ERR_PROVIDER_CONTEXT_WINDOW',
  content_filter: 'ERR_PROVIDER_CONTENT_POLICY',
  content_policy_violation: 'ERR_PROVIDER_CONTENT_POLICY',
  responsibleaipolicyviolation: 'ERR_PROVIDER_CONTENT_POLICY',
  insufficient_quota: 'ERR_PROVIDER_QUOTA',
  billing_hard_limit_reached: 'ERR_PROVIDER_QUOTA',
  billing_not_active: 'ERR_PROVIDER_QUOTA',
  rate_limit_exceeded: 'ERR_PROVIDER_RATE_LIMIT',
  rate_limit_error: 'ERR_PROVIDER_RATE_LIMIT',
  rate_limited: 'ERR_PROVIDER_RATE_LIMIT',
  invalid_api_key: 'ERR_PROVIDER_AUTHENTICATION',
  authentication_error: 'ERR_PROVIDER_AUTHENTICATION',
  permission_error: 'ERR_PROVIDER_PERMISSION',
  model_not_found: 'ERR_PROVIDER_NOT_FOUND',
  model_decommissioned: 'ERR_PROVIDER_NOT_FOUND',
  invalid_model: 'ERR_PROVIDER_NOT_FOUND',
  not_found_error: 'ERR_PROVIDER_NOT_FOUND',
  invalid_request_error: 'ERR_PROVIDER_BAD_REQUEST',
  overloaded_error: 'ERR_PROVIDER_OVERLOADED',
  timeout: 'ERR_PROVIDER_TIMEOUT',
};

const contextWindow =
  /maximum context length|context[_ ]length|context window|prompt is too long|exceeds? the available context|\+ `?max_new_tokens|too many (?:input )?tokens|input token count/i;
const contentPolicy = /content management policy|content policy|safety system|responsible ai/i;
const overloaded = /overloaded|slow_?down|at capacity/i;

/** Error of a status other than 2xx, for {@link FailureReader}; undefined where the body says nothing. */
export function openAiFailure(
  status: number,
  body: string,
  headers: Headers = {},
): ErrorCode | RutterError | undefined {
  const found = readError(parseJson(body));
  return found && vendorFailure(classify(found, status), status, found, headers);
}

/** Error found inside a reply that began as a success: its own `code` stands in for the status. */
export function innerFailure(body: unknown): RutterError {
  const found = readError(body) ?? { message: 'The vendor reported an error without saying which.' };
  const told = Number(found.code);
  const status = told >= 400 && told <= 599 ? told : innerStatus(found);
  return vendorFailure(classify(found, status), status, found);
}

const innerStatus = ({ type }: VendorError): number => (type === 'invalid_request_error' ? 400 : 500);

function classify({ message, type, code }: VendorError, status: number): ErrorCode {
  const named = mapped(code) ?? mapped(type);
  if (named !== undefined && named !== 'ERR_PROVIDER_BAD_REQUEST') return named;
  if (status < 500 && status !== 429) {
    if (contextWindow.test(message)) return 'ERR_PROVIDER_CONTEXT_WINDOW';
    if (contentPolicy.test(message)) return 'ERR_PROVIDER_CONTENT_POLICY';
  }
  if (status === 503 && overloaded.test(`${message} ${type ?? ''}`)) return 'ERR_PROVIDER_OVERLOADED';
  return statusCode(status);
}

function mapped(name: string | number | undefined): ErrorCode | undefined {
  const key = String(name).toLowerCase();
  return Object.hasOwn(byCode, key) ? byCode[key] : undefined;
}

/** `{error: {…}}`, `{error: '…'}`, `{message, …}`, `{detail: …}`, or one of these in an array. */
function readError(body: unknown): VendorError | undefined {
  const outer = Array.isArray(body) ? (body[0] as unknown) : body;
  if (!isObject(outer)) return undefined;
  const inner = outer.error ?? outer.detail ?? choiceError(outer) ?? miniMaxError(outer) ?? outer;
  if (isString(inner)) return { message: inner, ...named(outer) };
  const complaints = complaintsIn(inner) ?? complaintsIn(outer.message);
  if (complaints !== undefined) return { ...named(outer), ...complaints };
  if (!isObject(inner)) return { message: safeMessage(JSON.stringify(inner) ?? '') };
  if (!isString(inner.message) && inner === outer) return undefined;
  const said = { message: isString(inner.message) ? inner.message : JSON.stringify(inner), ...named(inner) };
  return isObject(inner.metadata) ? withUpstream(said, inner.metadata) : said;
}

/** Whether a reply that began as a success carries an error: by itself, in a choice, or as a choice's end. */
export function carriesError(body: JsonObject): boolean {
  const { error, object, choices } = body;
  if ((error !== undefined && error !== null) || object === 'error' || miniMaxError(body) !== undefined) return true;
  return isArray(choices) && (choices as unknown[]).some(isBroken);
}

const isBroken = (choice: unknown): boolean =>
  isObject(choice) && (isObject(choice.error) || choice.finish_reason === 'error');

const choiceError = ({ choices }: JsonObject): JsonObject | undefined => {
  const broken = isArray(choices) ? choices.filter(isObject).find(({ error }) => isObject(error)) : undefined;
  return broken?.error as JsonObject | undefined;
};

/** What MiniMax's codes mean as statuses. */
const miniMaxStatuses: Readonly<Record<number, number>> = {
  1002: 429,
  1004: 401,
  1008: 402,
  1039: 429,
  2013: 400,
  2049: 401,
  2056: 429,
};
/** Its codes for words that its moderation refuses, of the prompt and of the reply. */
const miniMaxRefusals: readonly unknown[] = [1026, 1027];

/** MiniMax answers 200 whatever went wrong, and says so in `base_resp`. https://platform.minimax.io/docs/api-reference/errorcode */
function miniMaxError({ base_resp: base }: JsonObject): JsonObject | undefined {
  if (!isObject(base) || typeof base.status_code !== 'number' || base.status_code === 0) return undefined;
  const { status_code: code, status_msg: message } = base;
  if (miniMaxRefusals.includes(code)) return { message, code: 'content_policy_violation' };
  return { message, code: miniMaxStatuses[code] ?? 500 };
}

/** OpenRouter hands on what the vendor behind it said as text, and the reasons of a moderation as a list. */
function withUpstream(said: VendorError, { raw, reasons, provider_name: name }: JsonObject): VendorError {
  if (isArray(reasons)) return { ...said, type: 'content_policy_violation' };
  if (!isString(raw) || raw === '') return said;
  const parsed = readError(parseJson(raw));
  const from = isString(name) ? ` (${name})` : '';
  const { message = raw, code, type } = parsed ?? {};
  return { ...said, message: `${said.message}${from}: ${message}`, type: isString(code) ? code : (type ?? said.type) };
}

/** What FastAPI says of a body it does not take: a list of places and faults, by itself or in `detail`. */
function complaintsIn(found: unknown): Pick<VendorError, 'message' | 'param'> | undefined {
  const list = isObject(found) ? found.detail : found;
  if (!Array.isArray(list) || list.length === 0) return undefined;
  const said = list.map((one: unknown) =>
    isObject(one) && isString(one.msg) ? { text: one.msg, place: placeOf(one.loc) } : undefined,
  );
  if (!said.every((one) => one !== undefined)) return undefined;
  const message = said.map(({ text, place }) => (place === undefined ? text : `${place}: ${text}`)).join('; ');
  return { message, param: said[0]?.place };
}

function placeOf(found: unknown): string | undefined {
  const place = Array.isArray(found) ? found.filter((step, index) => index > 0 || step !== 'body') : [];
  const path = place.map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`)).join('');
  return path === '' ? undefined : path.replace(/^\./, '');
}

function named({ type, code, param }: JsonObject): Omit<VendorError, 'message'> {
  return {
    type: isString(type) ? type : undefined,
    code: isString(code) || typeof code === 'number' ? code : undefined,
    param: isString(param) && param !== '' ? param : undefined,
  };
}
