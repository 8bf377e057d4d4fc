/** Routes that change what is in force: reload, a look at what it would do, and the way back. */
import { type HandlerRoute, type RouteReply, RutterError } from '@rutter/plugin-sdk';
import { type Verdict, verdicts } from '../generation/canary.ts';
import { type GenerationList, rollbackHolds } from '../generation/history.ts';
import type { ChangePlan } from '../generation/plan-change.ts';
import type { ReloadReport, Rollback } from '../generation/report.ts';

export interface ReloadParts {
  reload(source: string): Promise<ReloadReport>;
  rollback(to: Rollback): Promise<ReloadReport>;
  /** Promotes or reverts the canary. */
  settle(verdict: Verdict): Promise<ReloadReport>;
  plan(given: { readonly text?: string } | Rollback): Promise<ChangePlan>;
  generations(): GenerationList;
}

type Handler = HandlerRoute['handler'];

/** A configuration may come along, as large as one may be. */
const longestConfiguration = 4 * 1024 * 1024;

export function reloadRoutes(parts: ReloadParts): HandlerRoute[] {
  const reload: Handler = async ({ query, json }) => {
    if (readSwitch(query.dry_run)) return planned(await parts.plan(readText(json)));
    if (blockOf(json).configuration !== undefined)
      throw refusal('Found "configuration" without dry_run=true; a configuration is changed in its file.');
    return applied(await parts.reload('admin'));
  };
  const rollback: Handler = async ({ query, json }) => {
    const to = readGeneration(json);
    if (readSwitch(query.dry_run)) return planned(await parts.plan(to));
    return holding(applied(await parts.rollback(to)));
  };
  const write = { method: 'POST', mode: 'json', permission: 'admin.write' } as const;
  return [
    ...['/admin/reload', '/config/reload', '/llmrouter/reload'].map((path) => ({
      ...write,
      path,
      maxBodyBytes: longestConfiguration,
      handler: reload,
    })),
    { ...write, path: '/admin/rollback', maxBodyBytes: 64 * 1024, handler: rollback },
    ...verdicts.map((canary) => ({
      ...write,
      path: `/admin/canary/${canary}`,
      handler: async () => holding(applied(await parts.settle({ canary }))),
    })),
    {
      method: 'GET',
      path: '/admin/generations',
      mode: 'json',
      permission: 'admin.read',
      handler: () => ({ body: parts.generations() }),
    },
  ];
}

/** What was not read from the files, and yields to them. */
const holding = (reply: RouteReply): RouteReply => ({
  ...reply,
  body: { ...(reply.body as object), holds_until: rollbackHolds },
});

function applied({ ok, changed, generation, reasons, started, kept, leftOut, durationMs }: ReloadReport): RouteReply {
  const status = !ok ? 'refused' : changed ? 'applied' : 'unchanged';
  return { status: ok ? 200 : 409, body: { status, generation, reasons, started, kept, leftOut, durationMs } };
}

function planned({
  ok,
  changed,
  generation,
  reasons,
  diagnostics,
  steps,
  settings,
  durationMs,
}: ChangePlan): RouteReply {
  const status = !ok ? 'refused' : changed ? 'planned' : 'unchanged';
  const warnings = diagnostics.filter(({ severity }) => severity === 'warning');
  return {
    status: ok ? 200 : 409,
    body: { status, generation, reasons, warnings, steps, settings, durationMs },
  };
}

function readSwitch(value: string | undefined): boolean {
  if (value === undefined || value === 'false' || value === '0') return false;
  if (value === 'true' || value === '1' || value === '') return true;
  throw refusal(`Found dry_run=${value.slice(0, 40)}; expected true or false.`);
}

function readText(body: unknown): { readonly text?: string } {
  const { configuration } = blockOf(body);
  if (configuration === undefined) return {};
  if (typeof configuration === 'string') return { text: configuration };
  throw refusal('Found a "configuration" that is no text; expected the text of a configuration file.');
}

function readGeneration(body: unknown): Rollback {
  const { generation } = blockOf(body);
  if (generation === undefined || generation === null) return { rollbackTo: undefined };
  if (Number.isSafeInteger(generation) && Number(generation) > 0) return { rollbackTo: Number(generation) };
  throw refusal(`Found generation ${JSON.stringify(generation)?.slice(0, 40)}; expected the number of a generation.`);
}

function blockOf(body: unknown): Readonly<Record<string, unknown>> {
  if (body === undefined || body === null || body === '') return {};
  if (typeof body === 'object' && !Array.isArray(body)) return body as Readonly<Record<string, unknown>>;
  throw refusal('Found a body that is no JSON object; expected one, or none.');
}

const refusal = (message: string) => new RutterError('ERR_REQUEST_INVALID', message, { expose: true });
