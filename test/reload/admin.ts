/** What a gateway says of itself, as tests ask for it. */
import { join } from 'node:path';
import { expect } from 'vitest';

export const pluginFolder = (name: string) => join(import.meta.dirname, 'plugins', name);

export interface ReloadAnswer {
  readonly httpStatus: number;
  readonly status: 'applied' | 'unchanged' | 'refused';
  readonly generation: number;
  readonly reasons: readonly string[];
  readonly started: readonly string[];
}

interface PluginRow {
  readonly name: string;
  readonly state: string;
  readonly generations: readonly number[];
  readonly leases: number;
  readonly digest: string;
  readonly lastError?: { readonly message: string };
}

export interface Plugins {
  readonly generation: number;
  readonly waiting?: { readonly sources: readonly string[] };
  readonly plugins: readonly PluginRow[];
}

interface Address {
  readonly url: string;
}

export const reloadPaths = ['/admin/reload', '/config/reload', '/llmrouter/reload'] as const;

export async function postReload(
  { url }: Address,
  path: (typeof reloadPaths)[number] = '/admin/reload',
): Promise<ReloadAnswer> {
  const response = await fetch(`${url}${path}`, { method: 'POST' });
  return { httpStatus: response.status, ...((await response.json()) as Omit<ReloadAnswer, 'httpStatus'>) };
}

/** The body of a GET that must succeed; over a connection of its own, so that every worker may be met. */
export async function getJson<T>({ url }: Address, path: string): Promise<T> {
  const response = await fetch(`${url}${path}`, { headers: { connection: 'close' } });
  const text = await response.text();
  expect(response.status, text).toBe(200);
  return JSON.parse(text) as T;
}

export const plugins = (gateway: Address): Promise<Plugins> => getJson(gateway, '/admin/plugins');

/** One chat request; gives the status and what the reply or the error says. */
export async function ask({ url }: Address, model = 'house'): Promise<{ status: number; text: string }> {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', connection: 'close' },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'hello' }] }),
  });
  const body = (await response.json()) as {
    choices?: { message: { content: string } }[];
    error?: { message: string };
  };
  return { status: response.status, text: body.choices?.[0]?.message.content ?? body.error?.message ?? '' };
}
