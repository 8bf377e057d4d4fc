/** A model call made from a body inside another route's request, for routes that look at calls without serving them. */
import { type Dialect, type RequestContext, RutterError } from '@rutter/plugin-sdk';
import { applyRules } from '../http/call-rules.ts';
import { readJsonBody } from '../http/json-body.ts';
import { Facts } from '../pipeline/facts.ts';
import { ModelCall } from '../pipeline/model-call.ts';
import type { Target } from '../pipeline/models.ts';
import { resolveCall } from '../pipeline/resolve-call.ts';

export interface SampleCall {
  readonly call: ModelCall;
  /** The first deployment that is configured for the model. */
  readonly target: Target;
}

/** Throws what the model route would throw for the same body. */
export async function sampleCall(
  context: RequestContext,
  operation: string,
  fields: Readonly<Record<string, unknown>>,
): Promise<SampleCall> {
  const call = await unresolvedCall(context, operation, fields, true);
  call.facts.operation = operation;
  const { group } = resolveCall(call);
  const [target] = group.targets;
  if (!target) throw new RutterError('ERR_ROUTE_NO_DEPLOYMENT', `Model group ${group.name} has no deployment.`);
  return { call, target };
}

/** A call that no deployment is chosen for; what the operator asks of callers holds for it where it is `ruled`. */
export async function unresolvedCall(
  context: RequestContext,
  operation: string,
  fields: Readonly<Record<string, unknown>>,
  ruled: boolean,
): Promise<ModelCall> {
  const path = Facts.pathOf(context);
  if (!path || !(context instanceof Facts))
    throw new RutterError('ERR_KERNEL_INTERNAL', 'The request is not one of ours.');
  const dialect: Dialect | undefined = [...path.dialects.values()].find((one) => one.operation === operation);
  if (!dialect)
    throw new RutterError(
      'ERR_REQUEST_INVALID',
      `No dialect here speaks of ${operation}; expected a protocol that does.`,
    );
  const body = await readJsonBody(Buffer.from(JSON.stringify(fields)));
  const read = dialect.read({ fields: body.fields, params: {}, headers: {} });
  const rest = ruled
    ? applyRules(path.configuration.kernel.callers, { read, fields: body.fields, facts: context })
    : { read };
  return new ModelCall({ facts: context, path, dialect, body, ...rest });
}

/** The object that a route was sent; throws ERR_REQUEST_INVALID for anything else. */
export function objectIn(json: unknown, name: string): Readonly<Record<string, unknown>> {
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as Record<string, unknown>;
  const found =
    json === undefined ? 'nothing' : Array.isArray(json) ? 'an array' : json === null ? 'null' : `a ${typeof json}`;
  throw new RutterError('ERR_REQUEST_INVALID', `${name} is ${found}; expected an object.`, { param: name });
}

/** A body that has been prepared, as the value it is. */
export async function sentBody(body: Buffer | string | Promise<Buffer> | AsyncIterable<Uint8Array>): Promise<unknown> {
  const written = body instanceof Promise ? await body : body;
  if (typeof written !== 'string' && !(written instanceof Uint8Array))
    throw new RutterError('ERR_ROUTE_UNSUPPORTED', 'A form cannot be shown.');
  return JSON.parse(written.toString());
}
