/**
 * Errors of Bedrock, as a status or as a message inside a stream.
 *
 * The class stands in the header `x-amzn-errortype`, in `__type` of the body,
 * or in `:exception-type` of a message; it says more than the status does.
 */
import type { ErrorCode, Frame, RutterError } from '@rutter/plugin-sdk';
import {
  isFilled,
  isNumber,
  isObject,
  isString,
  parseJson,
  statusCode,
  vendorFailure,
} from '@rutter/plugin-sdk/codecs';

type Headers = Readonly<Record<string, string>>;

/** By the class in lower case, which is how messages of a stream and errors over HTTP agree. */
const byClass: Readonly<Record<string, { readonly code: ErrorCode; readonly status: number }>> = {
  validationexception: { code: 'ERR_PROVIDER_BAD_REQUEST', status: 400 },
  serializationexception: { code: 'ERR_PROVIDER_BAD_REQUEST', status: 400 },
  servicequotaexceededexception: { code: 'ERR_PROVIDER_QUOTA', status: 400 },
  unrecognizedclientexception: { code: 'ERR_PROVIDER_AUTHENTICATION', status: 403 },
  invalidsignatureexception: { code: 'ERR_PROVIDER_AUTHENTICATION', status: 403 },
  incompletesignatureexception: { code: 'ERR_PROVIDER_AUTHENTICATION', status: 403 },
  missingauthenticationtokenexception: { code: 'ERR_PROVIDER_AUTHENTICATION', status: 403 },
  expiredtokenexception: { code: 'ERR_PROVIDER_AUTHENTICATION', status: 403 },
  accessdeniedexception: { code: 'ERR_PROVIDER_PERMISSION', status: 403 },
  resourcenotfoundexception: { code: 'ERR_PROVIDER_NOT_FOUND', status: 404 },
  unknownoperationexception: { code: 'ERR_PROVIDER_NOT_FOUND', status: 404 },
  modeltimeoutexception: { code: 'ERR_PROVIDER_TIMEOUT', status: 408 },
  conflictexception: { code: 'ERR_PROVIDER_UNAVAILABLE', status: 409 },
  modelerrorexception: { code: 'ERR_PROVIDER_INTERNAL', status: 424 },
  modelstreamerrorexception: { code: 'ERR_PROVIDER_INTERNAL', status: 424 },
  throttlingexception: { code: 'ERR_PROVIDER_RATE_LIMIT', status: 429 },
  toomanyrequestsexception: { code: 'ERR_PROVIDER_RATE_LIMIT', status: 429 },
  // It is being loaded: the same call may succeed in a moment.
  modelnotreadyexception: { code: 'ERR_PROVIDER_UNAVAILABLE', status: 429 },
  internalserverexception: { code: 'ERR_PROVIDER_INTERNAL', status: 500 },
  internalfailure: { code: 'ERR_PROVIDER_INTERNAL', status: 500 },
  serviceunavailableexception: { code: 'ERR_PROVIDER_UNAVAILABLE', status: 503 },
};

const contextWindow =
  /(?:input|prompt) is too long|too many (?:input )?tokens|input tokens? exceed|input tokens exceeds|input length .*exceed|context (?:window|length|limit)|exceeds? .*context/i;
const contentPolicy =
  /content filter|content polic|blocked by (?:our|the) (?:content|guardrail)|usage polic|responsible ai/i;
const unknownModel = /provided model identifier is invalid|model (?:id|identifier) .*(?:does not exist|not found)/i;
const spentForToday = /too many tokens per day/i;

/** `ThrottlingException` of `com.amazon.coral#ThrottlingException` or `ThrottlingException:http://…`. */
const plainClass = (name: string): string => name.replace(/^.*#/, '').replace(/:.*$/s, '').trim();

const known = (name: string) => {
  const key = name.toLowerCase();
  return Object.hasOwn(byClass, key) ? byClass[key] : undefined;
};

function codeOf(name: string, message: string, status: number): ErrorCode {
  const code = known(name)?.code ?? statusCode(status);
  if (code === 'ERR_PROVIDER_BAD_REQUEST') {
    if (contextWindow.test(message)) return 'ERR_PROVIDER_CONTEXT_WINDOW';
    if (contentPolicy.test(message)) return 'ERR_PROVIDER_CONTENT_POLICY';
    if (unknownModel.test(message)) return 'ERR_PROVIDER_NOT_FOUND';
  }
  // The vendor's word for a key it does not accept, whatever class it comes in.
  if (code === 'ERR_PROVIDER_PERMISSION' && /security token|api key|signature|authentication failed/i.test(message))
    return 'ERR_PROVIDER_AUTHENTICATION';
  if (code === 'ERR_PROVIDER_RATE_LIMIT' && spentForToday.test(message)) return 'ERR_PROVIDER_QUOTA';
  return code;
}

interface Found {
  readonly name: string;
  readonly message: string;
  readonly original: number | undefined;
}

function readFound(body: unknown, named: string | undefined): Found | undefined {
  const fields = isObject(body) ? body : {};
  const { message, Message, __type: type, originalStatusCode: original } = fields;
  const name = plainClass(isFilled(named) ? named : isString(type) ? type : '');
  const said = [message, Message].find(isFilled);
  if (name === '' && said === undefined) return undefined;
  return { name, message: said ?? name, original: isNumber(original) ? original : undefined };
}

function failureOf({ name, message, original }: Found, status: number, headers: Headers): RutterError {
  // A model's own refusal of the request reaches us as an error of the model.
  const isRequests = known(name)?.code === 'ERR_PROVIDER_INTERNAL' && original === 400;
  const code = isRequests ? codeOf('ValidationException', message, 400) : codeOf(name, message, status);
  const requestId = headers['x-amzn-requestid'];
  return vendorFailure(code, status, { message, type: name === '' ? undefined : name, requestId }, headers);
}

/** Error of a status other than 2xx; undefined where neither body nor headers say anything. */
export function bedrockFailure(status: number, body: string, headers: Headers): RutterError | undefined {
  const found = readFound(parseJson(body), headers['x-amzn-errortype']);
  return found && failureOf(found, status, headers);
}

/** The error a message of a stream stands for; undefined for an event. */
export function exceptionOf({ event, data, headers = {} }: Frame): RutterError | undefined {
  const kind = headers[':message-type'];
  const isException = kind === 'exception' || kind === 'error' || /exception$/i.test(event);
  if (!isException) return undefined;
  const named = headers[':exception-type'] ?? headers[':error-code'] ?? event;
  const found = readFound(parseJson(data) ?? {}, named) ?? {
    name: 'exception',
    message: 'The stream broke.',
    original: undefined,
  };
  const message = found.message === found.name ? (headers[':error-message'] ?? found.message) : found.message;
  return failureOf({ ...found, message }, known(found.name)?.status ?? 500, {});
}

/** What AWS answers, with status 200, at an address that is not Bedrock's. */
export function unknownOperation(body: Readonly<Record<string, unknown>>): RutterError | undefined {
  const found = readFound(isObject(body.Output) ? body.Output : body, undefined);
  return found === undefined || known(found.name) === undefined ? undefined : failureOf(found, 404, {});
}
