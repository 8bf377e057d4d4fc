/** A live gateway with hostile plugins in it, and what is looked at from outside. */
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import {
  type Gateway,
  openAiDeployment,
  openAiVendor,
  startGateway,
  startVendor,
  until,
  type Vendor,
} from '../support/index.ts';
import { writeMeter } from './event-loop.ts';
import { type Attack, filesOf } from './hostile.ts';

/** None of these may be seen anywhere outside of the gateway's own memory. */
export const canaries = {
  environment: 'canary-of-the-environment-1f2e',
  vendorKey: 'sk-canary-of-the-vendor-3d4c',
  masterKey: 'sk-canary-of-the-master-5b6a',
  file: 'canary-of-a-file-7988',
  prompt: 'canary-of-another-tenant-9a7b',
} as const;

interface Answer {
  readonly status: number;
  readonly route: string;
  readonly body: string;
  readonly tookMs: number;
}

interface Row {
  readonly name: string;
  readonly place: string;
  readonly state: string;
  readonly lastError?: { readonly message: string };
  readonly sandbox?: {
    readonly state: string;
    readonly falls: number;
    readonly restarts: number;
    readonly pid?: number;
  };
  readonly worker?: Readonly<Record<'state' | 'falls' | 'restarts' | 'waiting' | 'turnedAway', string | number>>;
}

export interface Arena {
  readonly gateway: Gateway;
  ask(group: string, more?: object): Promise<Answer>;
  row(name: string): Promise<Row>;
  /** Waits until a plugin that was set up again answers. */
  up(name: string): Promise<void>;
  post(path: string): Promise<{ readonly status: number; readonly body: Record<string, unknown> }>;
  get(path: string): Promise<Record<string, unknown>>;
  /** The configuration with these entries and groups in the stead of the first. */
  config(entries: readonly object[], groups?: readonly string[]): object;
}

/** Writes plugin folders beside a file that none of them may read. */
export async function writeFolders(attacks: readonly Attack[]): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'rutter-hostile-'));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  await writeFile(join(root, 'secret.json'), JSON.stringify({ secret: canaries.file }));
  for (const attack of attacks) {
    for (const [path, content] of Object.entries(filesOf(attack))) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), content);
    }
    for (const [name, target] of Object.entries(attack.links ?? {}))
      await symlink(target, join(root, attack.name, name));
  }
  return root;
}

export async function startArena(entries: readonly object[], groups: readonly string[]): Promise<Arena> {
  const vendors = await Promise.all(['one', 'two'].map((reply) => startVendor(openAiVendor({ reply }))));
  const place = await mkdtemp(join(tmpdir(), 'rutter-meter-'));
  onTestFinished(() => rm(place, { recursive: true, force: true }));
  const meter = await writeMeter(place);
  const config = (more: readonly object[], names = groups) => configOf(vendors, [...more, meter], names);
  const gateway = await startGateway({
    config: config(entries),
    env: { CANARY: canaries.environment },
    startMs: 60_000,
  });
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${canaries.masterKey}` };
  const get = async (path: string) =>
    (await (await fetch(gateway.url + path, { headers })).json()) as Record<string, unknown>;
  const row = async (name: string) => {
    const { plugins } = (await get('/admin/plugins')) as unknown as { plugins: readonly Row[] };
    return plugins.find((one) => one.name === name) as Row;
  };
  return {
    gateway,
    config,
    get,
    row,
    up: async (name) => {
      const isUp = async () => {
        const { sandbox, worker } = await row(name);
        return (sandbox ?? worker)?.state !== 'down';
      };
      await until(`${name} to be up`, isUp, 15_000);
    },
    post: async (path) => {
      const response = await fetch(gateway.url + path, { method: 'POST', headers });
      return { status: response.status, body: (await response.json()) as Record<string, unknown> };
    },
    ask: async (group, more = {}) => {
      const body = JSON.stringify({ model: group, messages: [{ role: 'user', content: canaries.prompt }], ...more });
      const startedAt = performance.now();
      const response = await fetch(`${gateway.url}/v1/chat/completions`, { method: 'POST', headers, body });
      const text = await response.text();
      const route = response.headers.get('x-rutter-route') ?? '';
      return { status: response.status, route, body: text, tookMs: performance.now() - startedAt };
    },
  };
}

function configOf(vendors: readonly Vendor[], entries: readonly object[], groups: readonly string[]): object {
  const deployment = (group: string, vendor: Vendor) => {
    const { litellm_params, ...rest } = openAiDeployment(group, vendor) as { litellm_params: object };
    return { ...rest, litellm_params: { ...litellm_params, api_key: canaries.vendorKey } };
  };
  return {
    model_list: groups.flatMap((group) => vendors.map((vendor) => deployment(group, vendor))),
    general_settings: { master_key: canaries.masterKey, drain_timeout: 1 },
    plugins: entries,
  };
}

/** Which of the canaries a text holds. */
export const canariesIn = (text: string): readonly string[] =>
  Object.entries(canaries).flatMap(([name, value]) => (text.includes(value) ? [name] : []));
