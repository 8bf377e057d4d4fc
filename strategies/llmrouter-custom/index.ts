/**
 * Runs a router of the operator's own, an ES module, in a thread of its own.
 *
 * It is asked once a request, under a deadline, ahead of the choice. Whatever
 * it lacks, throws, forges or takes too long for leaves the choice to the next
 * strategy; a changed file is taken up when its router has been made.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { definePlugin, type Host, location, type RequestContext, z } from '@rutter/plugin-sdk';
import { followFile } from '@rutter/plugin-sdk/learning';
import { poolOf } from '@rutter/plugin-sdk/rounds';
import { tiersFor } from './answer.ts';
import { fileOf, refuseFile } from './file.ts';
import { type RoutedModel, RouterThread } from './thread.ts';

const config = z.strictObject({
  router_path: location().optional().describe('The module: a file with a default export that makes a router.'),
  model_path: location().optional().describe('Another name of router_path, which stands above it.'),
  custom_routers_path: location()
    .optional()
    .describe('A folder of routers; the environment’s LLMROUTER_CUSTOM_ROUTERS_PATH when absent.'),
  router: z
    .string()
    .regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/)
    .optional()
    .describe('The router’s name in that folder: a file of that name, or a folder with an index or router file.'),
  options: z.record(z.string(), z.unknown()).default({}).describe('Handed to the router when it is made.'),
  timeout: z.number().min(0.001).max(30).default(0.25).describe('Seconds it may take for one request.'),
  memory: z
    .int()
    .min(16)
    .max(4096)
    .default(256)
    .describe('Megabytes it may use; beyond them it is ended and made anew.'),
  hot_reload: z.boolean().default(true).describe('Whether a changed file is taken up while the gateway runs.'),
  reload_interval: z.number().min(1).max(86_400).default(5).describe('Seconds between two looks at the file.'),
});

const picoPerUsd = 1e12;
const perMillion = 1e6;
/** Between the end of a thread and the next start of one. */
const restMs = 1000;

export default definePlugin({
  kind: 'strategy',
  config,
  async setup(host, options) {
    const models = host.use('models');
    const file = await fileOf(options);
    const name = file === undefined ? 'no router' : basename(file);
    const running = await runner(host, file, options);
    const answers = new WeakMap<RequestContext, { readonly value?: unknown; readonly trouble?: string }>();
    const told = new WeakMap<RequestContext, string>();
    const feature = `${host.name}:answer`;
    const timeoutMs = options.timeout * 1000;

    host.features.define(
      feature,
      async (context, query) => {
        const deployments = models.deployments(context, context.group).map(({ deployment }) => ({ deployment }));
        const pool = poolOf(deployments as unknown as Parameters<typeof poolOf>[0]);
        const request = { query, models: pool.map(routed) };
        try {
          answers.set(context, { value: await running.ask(request, timeoutMs) });
        } catch (error) {
          const { message, cause } = error as Error;
          if (cause !== undefined) host.log.debug({ router: name, cause }, message);
          answers.set(context, { trouble: message });
        }
        return 1;
      },
      // The router's own deadline is the one that counts.
      { timeoutMs: timeoutMs + 250 },
    );

    return {
      async prepare(context) {
        if (running.trouble === undefined) await context.features.want(feature);
      },
      select(context, candidates) {
        const answer = answers.get(context);
        const trouble = answer === undefined ? (running.trouble ?? 'it was not asked') : answer.trouble;
        const answered = trouble === undefined ? tiersFor(candidates, answer?.value) : { told: trouble };
        told.set(context, `${name}: ${answered.told}`);
        return answered.tiers;
      },
      explain: (context) => ({
        reason: told.get(context) ?? `${name}: it was not asked`,
        ...(running.version === undefined ? {} : { version: running.version }),
      }),
      dispose: () => running.close(),
    };
  },
});

const routed = ({ name, description, price, size }: ReturnType<typeof poolOf>[number]): RoutedModel => ({
  ...{ name, description, size },
  price: price === undefined ? undefined : (price / picoPerUsd) * perMillion,
});

interface Running {
  /** Why it cannot be asked. */
  readonly trouble: string | undefined;
  /** Of the file that is running. */
  readonly version: string | undefined;
  ask(request: Parameters<RouterThread['ask']>[0], timeoutMs: number): Promise<unknown>;
  close(): Promise<void>;
}

/** Keeps a thread of the file as it is now; one that ends is made anew after a rest. */
async function runner(
  host: Host,
  path: string | undefined,
  { options, memory, hot_reload, reload_interval }: z.output<typeof config>,
): Promise<Running> {
  let thread: RouterThread | undefined;
  let version: string | undefined;
  let trouble: string | undefined = path === undefined ? 'no router_path is set' : undefined;
  let isClosed = false;
  if (path === undefined) host.log.warn({}, `no router_path: ${host.name} decides nothing`);

  const start = async (file: string) => {
    const digest = createHash('sha256')
      .update(await readFile(file))
      .digest('hex')
      .slice(0, 16);
    const next = await RouterThread.start({ path: file, options, memoryMb: memory }, (reason) => {
      if (thread !== next) return;
      thread = undefined;
      trouble = reason;
      host.log.error({ path: file, reason }, 'the router ended; it is made anew');
      void again(file);
    });
    const before = thread;
    if (isClosed) return void next.close();
    thread = next;
    version = digest;
    trouble = undefined;
    await before?.close();
    host.log.info({ path: file, version: digest }, 'router loaded');
  };
  const again = async (file: string) => {
    await host.clock.sleep(restMs);
    if (isClosed || thread !== undefined) return;
    await start(file).catch((error: Error) => {
      trouble = error.message;
      host.log.error({ path: file, reason: error.message }, 'the router could not be loaded');
    });
  };
  const following =
    path === undefined
      ? undefined
      : await followFile(host, {
          path,
          everyMs: hot_reload ? reload_interval * 1000 : 0,
          check: () => refuseFile(path),
          take: () => start(path),
        });

  return {
    get trouble() {
      if (thread !== undefined) return undefined;
      return trouble ?? following?.trouble?.replaceAll(path ?? '', basename(path ?? '')) ?? 'nothing has been loaded';
    },
    get version() {
      return version;
    },
    ask: (request, timeoutMs) => thread?.ask(request, timeoutMs) ?? Promise.reject(new Error(trouble ?? 'it is away')),
    async close() {
      isClosed = true;
      following?.close();
      await thread?.close();
    },
  };
}
