/** Starts one call of one deployment: prepares it, signs it and sends it. */
import { type ChatRequest, RutterError } from '@rutter/plugin-sdk';
import { spanId, traceparent } from '../http/trace.ts';
import type { ModelCall } from '../pipeline/model-call.ts';
import type { Target } from '../pipeline/models.ts';
import type { CredentialLookup } from '../upstream/auth/authenticator.ts';
import { withBrought } from './brought.ts';
import { ElsewhereReader } from './elsewhere-reader.ts';
import { vendorError } from './errors.ts';
import { type Prepared, prepare } from './prepare.ts';
import { Scrubber } from './scrub.ts';
import { simulate } from './simulate.ts';
import { timers } from './timers.ts';
import { Transfer } from './transfer.ts';
import type { TransferTimers } from './transfer-plan.ts';

export interface Started extends Pick<Prepared, 'form' | 'rung' | 'check' | 'messages'> {
  readonly transfer: Transfer;
}

/** Of a stream; whole replies have a lower bound, see transfer.ts. */
const streamBytes = 1024 * 1024 * 1024;

/** A promise only where something must be fetched first: a file, a token; or the body be written in turns. */
export function startTransfer(
  call: ModelCall,
  configured: Target,
  change: Partial<ChatRequest> | undefined,
): Started | Promise<Started> {
  const target = withBrought(call, configured);
  const prepared = prepare(call, target, change);
  return prepared instanceof Promise
    ? prepared.then((ready) => begin(call, target, ready))
    : begin(call, target, prepared);
}

function begin(call: ModelCall, target: Target, prepared: Prepared): Started | Promise<Started> {
  if (prepared.dropped.length > 0) call.dropped.push(...prepared.dropped);
  const { body } = prepared;
  return body instanceof Promise
    ? body.then((written) => signAndSend(call, target, prepared, written))
    : signAndSend(call, target, prepared, body);
}

type Body = Buffer | string | AsyncIterable<Uint8Array>;

function signAndSend(call: ModelCall, target: Target, prepared: Prepared, body: Body): Started | Promise<Started> {
  const { url, headers } = unsigned(call, target, prepared);
  const { method } = prepared;
  const signable = typeof body === 'string' || body instanceof Uint8Array ? body : undefined;
  const request = { url, method, headers, body };
  const signed = call.path.services.authenticator.apply(
    target.auth,
    { url, method, headers, body: signable },
    credentials(target),
  );
  if (!(signed instanceof Promise)) {
    if (signed !== undefined) request.url = signed;
    return sendPrepared(call, target, prepared, request);
  }
  return signed.then((signedUrl) => sendPrepared(call, target, prepared, { ...request, url: signedUrl ?? url }));
}

interface Outgoing {
  url: string;
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body: Body;
}

function sendPrepared(call: ModelCall, target: Target, prepared: Prepared, request: Outgoing): Started {
  const { relay, framing, reader, decode } = prepared.plan;
  const transfer = new Transfer(
    {
      relay,
      framing,
      reader,
      decode,
      stream: prepared.stream,
      failure: (status, text, replyHeaders) => vendorError(target.provider.failure, status, text, replyHeaders),
      timers: left(timers(call, target), prepared.spentMs),
      scrubber: scrubberOf(target),
      wholeBytes: call.path.configuration.kernel.maxReplyBytes,
    },
    call.path.services.watchdog,
  );
  send(call, target, request, { transfer, prepared });
  const { form, rung, check, messages } = prepared;
  return { transfer, form, rung, check, messages };
}

/** Where a prepared request goes, and its headers but for the credential. */
export function unsigned(
  call: ModelCall,
  target: Target,
  prepared: Addressed,
): { readonly url: string; readonly headers: Record<string, string> } {
  return { url: address(target, prepared), headers: upstreamHeaders(call, target, prepared) };
}

export type Addressed = Pick<Prepared, 'path' | 'query' | 'stream' | 'headers'>;

const scrubbers = new WeakMap<Target, Scrubber>();

export function scrubberOf(target: Target): Scrubber {
  let scrubber = scrubbers.get(target);
  if (!scrubber) {
    scrubber = new Scrubber(target.settings);
    scrubbers.set(target, scrubber);
  }
  return scrubber;
}

interface Receiving {
  readonly transfer: Transfer;
  readonly prepared: Pick<Prepared, 'plan' | 'reading'>;
}

function send(call: ModelCall, target: Target, request: Outgoing, { transfer, prepared }: Receiving): void {
  if (target.provider.respond) {
    const { body } = request;
    if (typeof body !== 'string' && !(body instanceof Uint8Array))
      throw new RutterError('ERR_ROUTE_UNSUPPORTED', 'A simulated vendor takes no forms.');
    transfer.attach(simulate(target.provider, { ...request, body }, transfer));
    return;
  }
  const { kernel } = call.path.configuration;
  const { url, method, headers, body } = request;
  const { reading, plan } = prepared;
  const elsewhere =
    reading && new ElsewhereReader(transfer, { reading, framing: plan.framing, scrubber: scrubberOf(target) });
  const exchange = call.path.services.upstream.exchange(
    {
      ...{ url, method, headers, body },
      connectTimeoutMs: kernel.connectTimeoutMs,
      maxReplyBytes: streamBytes,
      guarded: target.isGuarded === true,
      verifies: target.settings.verifies,
    },
    elsewhere ?? transfer,
  );
  transfer.attach(elsewhere?.attach(exchange) ?? exchange);
}

/** What has to be fetched first is part of the call. */
function left(limits: TransferTimers, spentMs: number): TransferTimers {
  if (spentMs === 0) return limits;
  const { totalMs, firstContentMs } = limits;
  return {
    ...limits,
    totalMs: Math.max(1, totalMs - spentMs),
    firstContentMs: Math.max(1, firstContentMs - spentMs),
  };
}

function address(target: Target, prepared: Addressed): string {
  const isWhole = prepared.path.startsWith('https://') || prepared.path.startsWith('http://');
  if (!isWhole && target.baseUrl === '') throw withoutBase(target);
  const url = isWhole ? prepared.path : target.baseUrl + prepared.path;
  if (!prepared.query) return url;
  return `${url}${url.includes('?') ? '&' : '?'}${new URLSearchParams(prepared.query)}`;
}

function withoutBase({ deployment, provider: { variables } }: Target): RutterError {
  const named = typeof variables === 'function' ? variables(deployment.provider) : variables;
  const hint = named?.api_base?.map((name) => ` or the environment variable ${name}`).join('') ?? '';
  return new RutterError(
    'ERR_CONFIG_INVALID',
    `Deployment ${deployment.id} (${deployment.provider}) has no address. Expected api_base in its settings${hint}.`,
    { retry: 'next', expose: true },
  );
}

function upstreamHeaders(call: ModelCall, target: Target, { stream, headers: own }: Addressed): Record<string, string> {
  const { facts } = call;
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    accept: stream ? 'text/event-stream' : 'application/json',
    'user-agent': `rutter/${call.path.services.version}`,
    'x-request-id': facts.id,
  };
  const { forwardsTrace, forwardClientHeaders } = call.path.configuration.kernel;
  if (forwardsTrace) {
    headers.traceparent = traceparent(facts.traceId, spanId(), facts.trace.flags);
    if (facts.trace.state !== undefined) headers.tracestate = facts.trace.state;
  }
  if (forwardClientHeaders)
    for (const [name, value] of Object.entries(facts.headers)) if (isForwarded(name)) headers[name] ??= value;
  if (own) Object.assign(headers, own);
  for (const name in target.settings.extraHeaders)
    headers[name.toLowerCase()] = target.settings.extraHeaders[name] as string;
  return headers;
}

/** What clients say to the gateway itself, and of the SDK they use, is not for vendors. */
const isForwarded = (name: string): boolean => name.startsWith('x-') && !/^x-(litellm|rutter|stainless)-/.test(name);

/** One lookup a target: the authenticator caches tokens by its id. */
const lookups = new WeakMap<Target, CredentialLookup>();

export function credentials(target: Target): CredentialLookup {
  let lookup = lookups.get(target);
  if (!lookup) {
    const { settings } = target;
    lookup = {
      id: settings.id,
      apiKey: settings.apiKey,
      secret: (name) => settings.secrets[name],
      param: (name) => settings.params[name],
    };
    lookups.set(target, lookup);
  }
  return lookup;
}
