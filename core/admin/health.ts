/** `GET /health`: calls each deployment once with the smallest request there is. */
import { RutterError } from '@rutter/plugin-sdk';
import { startTransfer } from '../attempts/start.ts';
import { Facts } from '../pipeline/facts.ts';
import { ModelCall } from '../pipeline/model-call.ts';
import type { Target } from '../pipeline/models.ts';
import { neutralDialect } from '../pipeline/neutral.ts';
import type { RequestPath } from '../pipeline/path.ts';

const defaultMs = 60_000;
const atOnce = 8;

interface Checked {
  readonly model: string;
  readonly model_id: string;
  readonly provider: string;
  readonly error?: string;
}

export async function checkDeployments(
  path: RequestPath,
  options: { readonly only: string | undefined; readonly signal: AbortSignal },
) {
  const targets = path.models.targets.filter(
    ({ deployment }) =>
      options.only === undefined || deployment.group === options.only || deployment.id === options.only,
  );
  const queue = [...targets];
  const healthy: Checked[] = [];
  const unhealthy: Checked[] = [];
  const work = async () => {
    for (let target = queue.shift(); target && !options.signal.aborted; target = queue.shift()) {
      const described = {
        model: target.deployment.group,
        model_id: target.deployment.id,
        provider: target.deployment.provider,
      };
      const error = await checkOne(path, target);
      if (error === undefined) healthy.push(described);
      else unhealthy.push({ ...described, error });
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return {
    healthy_endpoints: healthy,
    unhealthy_endpoints: unhealthy,
    healthy_count: healthy.length,
    unhealthy_count: unhealthy.length,
  };
}

async function checkOne(path: RequestPath, target: Target): Promise<string | undefined> {
  const isEmbedding = target.deployment.info.mode === 'embedding';
  const named = target.deployment.info.health_check_timeout;
  const timeoutMs = typeof named === 'number' ? named * 1000 : defaultMs;
  const facts = new Facts({ method: 'GET', path: '/health', headers: {}, on: path });
  const dialect = neutralDialect(isEmbedding ? 'embeddings' : 'chat', {
    model: target.deployment.group,
    stream: false,
    messages: [{ role: 'user', content: 'hi' }],
    maxOutputTokens: 5,
    extra: {},
  });
  const call = new ModelCall({
    facts,
    path,
    dialect: dialect.wire,
    body: dialect.body,
    read: { model: target.deployment.group, stream: false, includeUsage: false, controls: { timeoutMs }, strip: [] },
  });
  call.needsNeutral = true;
  try {
    const { transfer } = await startTransfer(call, target, undefined);
    await transfer.ready;
    return undefined;
  } catch (error) {
    const known = RutterError.from(error);
    return known.expose ? `${known.code}: ${known.message.slice(0, 300)}` : known.code;
  }
}
