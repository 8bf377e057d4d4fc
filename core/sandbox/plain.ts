/**
 * What a plugin in the sandbox is shown of requests, as plain data.
 *
 * Invariant: words of callers and vendors are in it only where the operator
 * has granted them; credentials never are.
 */
import type { Call, Candidate, Deployment, LiveNumbers, Outcome, RequestContext } from '@rutter/plugin-sdk';
import { RutterError } from '@rutter/plugin-sdk';

/** Known of every request; sent along before anybody has looked for them. */
const usualFeatures: readonly string[] = ['input-tokens', 'output-limit', 'stream'];
const mostFeatures = 32;
/** Deployments that a guest has been shown; then it is shown all anew. */
const mostDeployments = 10_000;

export class Shown {
  readonly #mayReadText: boolean;
  readonly #features = new Set(usualFeatures);
  #deployments = new Map<Deployment, number>();
  /** What one request is known by, so that the guest sees one context of it however often it is asked. */
  readonly #requests = new WeakMap<RequestContext, number>();
  #lastRequest = 0;

  constructor(mayReadText: boolean) {
    this.#mayReadText = mayReadText;
  }

  /** Names the guest has looked for: they are sent along from now on, where they are known. */
  looked(names: unknown): void {
    if (!Array.isArray(names)) return;
    for (const name of names)
      if (typeof name === 'string' && name.length <= 100 && this.#features.size < mostFeatures)
        this.#features.add(name);
  }

  /** A new isolate has seen nothing yet. */
  forget(): void {
    this.#deployments = new Map();
  }

  context(context: RequestContext): object {
    const { id, traceId, spanId, receivedAt, method, path, group, operation, tags, endUser, generation, parent } =
      context;
    const { id: who, kind, user, team, organization, models, permissions, metadata } = context.principal;
    const principal = { id: who, kind, user, team, organization, models, permissions };
    const shown = {
      ...{ id, traceId, spanId, receivedAt, method, path, group, operation, tags, endUser, generation, parent },
      features: this.#known(context),
      number: this.#requestNumber(context),
    };
    if (!this.#mayReadText) return { ...shown, principal, headers: {} };
    return { ...shown, principal: { ...principal, metadata }, headers: context.headers };
  }

  /** Each deployment in full once, then by number. */
  candidates(candidates: readonly Candidate[]): object {
    if (this.#deployments.size + candidates.length > mostDeployments) this.forget();
    const fresh = new Map<number, Deployment>();
    const shown = candidates.map(({ deployment, live }) => ({
      deployment: this.#number(deployment, fresh),
      live: numbersOf(live),
    }));
    return { fresh, candidates: shown };
  }

  call(call: Call): object {
    const { operation, dialect, model, stream, controls } = call;
    const form =
      operation === 'embeddings' ? { embeddings: call.embeddings() } : isChat(operation) ? { chat: call.chat() } : {};
    return { operation, dialect, model, stream, controls, text: call.text(), ...form };
  }

  /** Without the request's words where they are not granted. */
  asked(call: Call): object {
    if (this.#mayReadText) return this.call(call);
    const { operation, dialect, model, stream } = call;
    return { operation, dialect, model, stream, controls: {}, text: '' };
  }

  /** Without how deployments were chosen: it is of no use to who knows them by number, and as large as all the rest. */
  outcome({ context, error, attempts, decisions: _, ...outcome }: Outcome): object {
    const said = (message: string) => (this.#mayReadText ? message : '');
    return {
      ...outcome,
      context: this.context(context),
      attempts: attempts.map(({ error: failed, ...attempt }) =>
        failed === undefined ? attempt : { ...attempt, error: { code: failed.code, message: said(failed.message) } },
      ),
      error: error && { code: error.code, status: error.status, message: said(error.message) },
    };
  }

  #requestNumber(context: RequestContext): number {
    const known = this.#requests.get(context);
    if (known !== undefined) return known;
    this.#lastRequest += 1;
    this.#requests.set(context, this.#lastRequest);
    return this.#lastRequest;
  }

  #number(deployment: Deployment, fresh: Map<number, Deployment>): number {
    const known = this.#deployments.get(deployment);
    if (known !== undefined) return known;
    const number = this.#deployments.size + 1;
    this.#deployments.set(deployment, number);
    fresh.set(number, deployment);
    return number;
  }

  #known({ features }: RequestContext): Readonly<Record<string, number | Float32Array>> {
    const known: Record<string, number | Float32Array> = {};
    for (const name of this.#features) {
      const value = features.get(name);
      if (value !== undefined) known[name] = value;
    }
    return known;
  }
}

const isChat = (operation: string) => operation === 'chat' || operation === 'completions';

function numbersOf(live: LiveNumbers): LiveNumbers {
  const { samples, latencyMs, firstTokenMs, inFlight, errorRate } = live;
  const { requestsThisMinute, tokensThisMinute, cooledUntil } = live;
  return { samples, latencyMs, firstTokenMs, inFlight, errorRate, requestsThisMinute, tokensThisMinute, cooledUntil };
}

/** The candidates that places mean. Throws at anything else than places in the list, each at most once. */
export function candidatesAt(places: unknown, candidates: readonly Candidate[]): readonly Candidate[] {
  if (!Array.isArray(places) || places.length > candidates.length) throw forged(places);
  const found = new Set<Candidate>();
  for (const place of places) {
    const candidate = typeof place === 'number' ? candidates[place] : undefined;
    if (candidate === undefined || found.has(candidate)) throw forged(place);
    found.add(candidate);
  }
  return [...found];
}

const forged = (found: unknown) =>
  new RutterError(
    'ERR_PLUGIN_INVALID',
    `it named candidates that it was not given: ${JSON.stringify(found)?.slice(0, 60)}`,
  );
