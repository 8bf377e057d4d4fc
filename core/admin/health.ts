/** Real health: calls each deployment once with the smallest request there is. */
import { RutterError } from '@rutter/plugin-sdk';
import { startTransfer } from '../attempts/start.ts';
import { Facts } from '../pipeline/facts.ts';
import { ModelCall } from '../pipeline/model-call.ts';
import type { Target } from '../pipeline/models.ts';
import { neutralDialect } from '../pipeline/neutral.ts';
import type { RequestPath } from '../pipeline/path.ts';

const atOnce = 8;
/** Modes of `model_info.mode` that can be asked, with the operation that asks them. */
const operations: Readonly<Record<string, 'chat' | 'embeddings'>> = {
  chat: 'chat',
  completion: 'chat',
  responses: 'chat',
  embedding: 'embeddings',
};

export interface CheckedDeployment {
  readonly id: string;
  readonly group: string;
  readonly provider: string;
  readonly model: string;
  /** Undefined where it answered. */
  readonly error: string | undefined;
  /** Its mode, where nothing can be asked of such a model: it has not been called. */
  readonly unasked?: string;
  readonly ms: number;
}

/** In configured order. Wildcards are called where they name a `health_check_model`. */
export async function checkDeployments(
  path: RequestPath,
  options: { readonly only: string | undefined; readonly signal: AbortSignal },
): Promise<readonly CheckedDeployment[]> {
  const targets = path.models
    .checkable()
    .filter(
      ({ deployment: { group, id } }) => options.only === undefined || options.only === group || options.only === id,
    );
  const found: CheckedDeployment[] = [];
  const queue = [...targets.entries()];
  const work = async () => {
    for (let next = queue.shift(); next && !options.signal.aborted; next = queue.shift())
      found[next[0]] = await checkOne(path, next[1], options.signal);
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return found.filter((one) => one !== undefined);
}

/** As LiteLLM's `GET /health` tells it; `details` says why a deployment failed. */
export function healthReply(checked: readonly CheckedDeployment[], details: boolean) {
  const row = ({ id, group, provider, error }: CheckedDeployment) => ({
    model: group,
    model_id: id,
    provider,
    ...(error === undefined || !details ? {} : { error }),
  });
  const asked = checked.filter(({ unasked }) => unasked === undefined);
  const unasked = checked.filter((one) => one.unasked !== undefined);
  const healthy = asked.filter(({ error }) => error === undefined);
  const unhealthy = asked.filter(({ error }) => error !== undefined);
  return {
    healthy_endpoints: healthy.map(row),
    unhealthy_endpoints: unhealthy.map(row),
    healthy_count: healthy.length,
    unhealthy_count: unhealthy.length,
    ...(unasked.length === 0
      ? {}
      : { unchecked_endpoints: unasked.map((one) => ({ ...row(one), mode: one.unasked })) }),
  };
}

async function checkOne(path: RequestPath, target: Target, signal: AbortSignal): Promise<CheckedDeployment> {
  const { deployment, settings } = target;
  const { id, group, provider, model, info } = deployment;
  const mode = typeof info.mode === 'string' ? info.mode : 'chat';
  const operation = operations[mode];
  const described = { id, group, provider, model };
  if (operation === undefined) return { ...described, error: undefined, unasked: mode, ms: 0 };
  const startedAt = performance.now();
  const call = smallestCall(path, target, { operation, timeoutMs: settings.healthCheck.timeoutMs });
  const elapsed = () => Math.round(performance.now() - startedAt);
  try {
    const { transfer } = await startTransfer(call, target, undefined);
    const stop = () => transfer.abort(new RutterError('ERR_REQUEST_ABORTED', 'The check was stopped.'));
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    await transfer.ready.finally(() => signal.removeEventListener('abort', stop));
    return { ...described, error: undefined, ms: elapsed() };
  } catch (error) {
    const known = RutterError.from(error);
    return {
      ...described,
      error: known.expose ? `${known.code}: ${known.message.slice(0, 300)}` : known.code,
      ms: elapsed(),
    };
  }
}

function smallestCall(
  path: RequestPath,
  { deployment }: Target,
  { operation, timeoutMs }: { operation: 'chat' | 'embeddings'; timeoutMs: number },
): ModelCall {
  const facts = new Facts({ method: 'GET', path: '/health', headers: {}, on: path });
  const { wire, body } = neutralDialect(operation, {
    model: deployment.group,
    stream: false,
    messages: [{ role: 'user', content: 'hi' }],
    maxOutputTokens: 5,
    extra: {},
  });
  const read = { model: deployment.group, stream: false, includeUsage: false, controls: { timeoutMs }, strip: [] };
  const call = new ModelCall({ facts, path, dialect: wire, body, read });
  call.needsNeutral = true;
  return call;
}
