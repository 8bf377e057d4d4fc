/** Rating answers through a gateway, as any HTTP client would. */
import { join } from 'node:path';
import { type Gateway, root } from '../support/index.ts';

/** Knows the keys `sk-<name>`, each a key of its own. */
export const keys = (...names: readonly string[]) => ({
  use: join(root, 'test/contract/key-routing'),
  trust: true,
  config: { keys: names.map((id) => ({ key: `sk-${id}`, id })) },
});

export const bearer = (key: string) => ({ authorization: `Bearer sk-${key}` });

export interface Answered {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>> & {
    readonly error?: { readonly code: string; readonly message: string; readonly param: string | null };
  };
}

export async function call(
  gateway: Pick<Gateway, 'url'>,
  method: string,
  path: string,
  { body, key }: { body?: unknown; key?: string } = {},
): Promise<Answered> {
  const response = await fetch(`${gateway.url}${path}`, {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...(key ? bearer(key) : {}) },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Answered['body'] };
}

export const rate = (gateway: Pick<Gateway, 'url'>, body: unknown, key?: string) =>
  call(gateway, 'POST', '/v1/feedback', { body, ...(key === undefined ? {} : { key }) });
