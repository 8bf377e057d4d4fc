/** Pages of `core/docs` that are made from what the code says. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorKinds } from '@rutter/plugin-sdk';
import { root } from '../support/index.ts';

export interface ListedRoute {
  readonly method: string;
  readonly path: string;
  readonly mode: string;
  readonly permission: string;
  readonly owner: string;
}

const row = (...cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
const table = (head: readonly string[], rows: readonly (readonly string[])[]) =>
  [row(...head), `|${'---|'.repeat(head.length)}`, ...rows.map((cells) => row(...cells))].join('\n');

const families: readonly (readonly [prefix: string, title: string])[] = [
  ['ERR_REQUEST_', 'The request'],
  ['ERR_LIMIT_', 'Limits'],
  ['ERR_ROUTE_', 'Routing'],
  ['ERR_PROVIDER_', 'Vendors'],
  ['ERR_PLUGIN_', 'Plugins'],
  ['ERR_CONFIG_', 'Configuration'],
  ['ERR_KERNEL_', 'The gateway'],
];

/** Every code, with the comment that stands over it in the contract. */
export function errorsPage(): string {
  const source = readFileSync(join(root, 'plugin-sdk/contract/errors.ts'), 'utf8');
  const meanings = new Map(
    [...source.matchAll(/\/\*\* (.+) \*\/\n {2}(ERR_\w+):/g)].map(([, text, code]) => [code, text]),
  );
  const meaning = (code: string) => {
    const text = meanings.get(code);
    if (text === undefined) throw new Error(`${code} has no comment in plugin-sdk/contract/errors.ts.`);
    return text;
  };
  const parts = families.map(([prefix, title]) => {
    const kinds = Object.entries(errorKinds).filter(([code]) => code.startsWith(prefix));
    const rows = kinds.map(([code, { status, retry }]) => [`\`${code}\``, String(status), retry, meaning(code)]);
    return `## ${title}\n\n${table(['Code', 'Status', 'Retry', 'Meaning'], rows)}`;
  });
  return `${errorsHead}\n${parts.join('\n\n')}\n`;
}

const errorsHead = `# Errors

Every error carries one of these codes, whoever raised it. Callers find it as \`rutter_code\` in the error envelope of the OpenAI dialect, the log as \`code\` or \`error\`, the ledger as \`error_code\`. The words of a message may change; codes do not.

- **Status** is what a caller sees unless the error says otherwise; a vendor's own status is kept where there is one.
- **Retry** is what the gateway may do by itself before the caller hears of it: try the *same* deployment or another one, the *next* one only, or *never*. How often is for \`num_retries\`, \`retry_policy\` and the retry budget to say; fallbacks come after.
- \`retry-after\` is set where the vendor or a limit says how long to wait.
- Messages of status 500 and above stay in the log, under the request id; those of vendors are shown.

This page is made from \`plugin-sdk/contract/errors.ts\`.
`;

/** What the kernel's own routes do. Routes of plugins are described beside them. */
const kernelRoutes: Readonly<Record<string, string>> = {
  'GET /_health/live': 'The process runs. For restarts: says nothing of vendors or services.',
  'GET /health/liveliness': 'The same, in LiteLLM’s words.',
  'GET /health/liveness': 'The same, in LiteLLM’s words.',
  'GET /_health/ready':
    'Requests may be sent here: 200, or 503 while it drains or a plugin says that what it needs is away.',
  'GET /health/readiness': 'The same.',
  'GET /health':
    'Calls every deployment once with the smallest request, which costs money; `?model=` names one group or id.',
  'POST /utils/transform_request':
    'Shows the request that a body would become, `{call_type, request_body}`, without sending it: `raw_request_api_base`, `raw_request_body`, `raw_request_headers`, secrets masked. Of several deployments, the first one configured; name one by its id. Files by address that a vendor takes inline are fetched.',
  'POST /utils/token_counter':
    'Counts the tokens of `{model, messages}` or `{model, prompt}`: `total_tokens`, by the vendor where it counts (`tokenizer_type` names it), else an estimate, marked `estimated: true`.',
  'POST /admin/plugins/:name/release': 'Ends the quarantine of a plugin in the sandbox or in a worker.',
  'GET /admin/plugins': 'What the gateway is made of, with the reason for each part: what `rutter plugins` prints.',
  'GET /routes': 'This list.',
  'POST /admin/reload':
    'Reads the configuration again: 200 when applied or unchanged, 409 with the reasons when refused. With `?dry_run=true` it says what would start, stop and be carried over, and why, and changes nothing; `{configuration}` in its body, a text, is then taken for the configuration.',
  'POST /config/reload': 'The same.',
  'POST /llmrouter/reload': 'The same.',
  'POST /admin/canary/promote':
    'Puts the canary in force for everybody. Holds until the next change of a file, or a reload that is asked for; 400 where there is no canary, 409 with the reasons when refused.',
  'POST /admin/canary/revert': 'Ends the canary; everybody is served by the generation in force. As above.',
  'POST /admin/rollback':
    'Puts what an earlier generation was made of in force again: `{generation}` of the last ten, or the one before. It holds until the next change of a file, or a reload that is asked for. `?dry_run=true` as above.',
  'GET /admin/generations':
    'The last ten generations: number, state, start, who asked for each, whose composition it took over, its configuration’s digest and files, its plugins.',
};

export function httpPage(routes: readonly ListedRoute[]): string {
  const owners = [...new Set(routes.map(({ owner }) => owner))];
  return `${httpHead}\n${owners
    .map((owner) =>
      routesOf(
        owner,
        routes.filter((route) => route.owner === owner),
      ),
    )
    .join('\n\n')}\n`;
}

function routesOf(owner: string, routes: readonly ListedRoute[]): string {
  const plain = (route: ListedRoute) => [route.method, `\`${route.path}\``, `\`${route.permission}\``];
  if (owner !== 'kernel') {
    const rows = routes.map((route) => [...plain(route), route.mode]);
    return `## ${owner}\n\nDescribed in [its README](../../plugins/${owner}/README.md).\n\n${table(['Method', 'Path', 'Permission', 'Mode'], rows)}`;
  }
  const rows = routes.map((route) => {
    const text = kernelRoutes[`${route.method} ${route.path}`];
    if (text === undefined) throw new Error(`test/docs/pages.ts says nothing of ${route.method} ${route.path}.`);
    return [...plain(route), text];
  });
  return `## The kernel\n\n${table(['Method', 'Path', 'Permission', 'What it does'], rows)}`;
}

const httpHead = `# HTTP

The routes of a gateway with every shipped protocol. A running gateway tells its own at \`GET /routes\`; plugins add theirs.

**The key** comes in the first of these headers that is present: \`x-litellm-api-key\`, \`Authorization\` (Bearer, or Basic with the key as password), \`api-key\`, \`x-api-key\`, \`x-goog-api-key\`, \`Ocp-Apim-Subscription-Key\`; the setting \`litellm_key_header_name\` puts one before them. A gateway without a guard that identifies callers asks for none.

**Permissions** are names that a guard gives to a caller, with \`*\` at their end for many: \`public\` needs no key, \`model.call\` and \`model.read\` are for those who use models, \`health.read\` and \`metrics.read\` for those who watch, \`admin.read\` and \`admin.write\` for operators. The master key holds all of them.

**Ids.** A reply carries \`x-request-id\`; a caller's own is kept when it is made of up to 128 letters, digits, \`.\`, \`_\` and \`-\`. \`traceparent\` (W3C) is taken up and passed on.

**Repeats.** A model call with \`Idempotency-Key\` (1 to 255 visible ASCII characters) runs once: a repeat within ten minutes gets the recorded reply, marked \`idempotent-replayed: true\`. One that comes while the first still runs is told 409, one with another body 422. What failed, in a stream too, is not recorded and may be tried again under the same key; a reply beyond 1 MiB is not kept, and a repeat of it is told 409.

**Bodies** are bounded: 32 MiB for JSON, 512 MiB for forms, unless the configuration says otherwise; 413 beyond that, as soon as the announced length tells. JSON is UTF-8, at most 100 levels deep, with no field twice at its top. It may come as \`application/json\`, any \`+json\`, \`text/plain\`, or without a type; forms and coded bodies (\`Content-Encoding\`) are refused with 415. A body has \`body_timeout\` to arrive, 408 after that; so long does a client that takes nothing of a finished reply keep its connection.

**Heads** have at most 32 KiB and 200 headers (431), and twenty seconds to arrive (408). What two servers might read in two ways is refused with 400 and the connection closed: a length beside chunks, several lengths or Hosts, folded lines, any transfer coding but \`chunked\`. Errors are in [errors.md](errors.md).

**Modes**: \`model\` runs a request through guards, caches, routing and fallbacks; \`json\`, \`raw\` and \`multipart\` are answered by the plugin; \`upgrade\` is a WebSocket. In a path, \`:name\` is one part and \`*name\` the rest.
`;
