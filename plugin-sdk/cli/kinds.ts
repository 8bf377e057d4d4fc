/** What `create` has to know of each kind beside its starter. */
import type { Kind } from '../contract/kinds.ts';
import type { Claims, Need } from '../contract/plugin.ts';

export interface KindFacts {
  /** One sentence for lists of commands: what a plugin of this kind is for. */
  readonly purpose: string;
  /** One sentence: what the starter does. */
  readonly starter: string;
  readonly needs?: readonly Need[];
  readonly provides?: readonly string[];
  claims?(name: string): Claims;
  /** The starter's options as they may stand in a configuration, YAML below `config:`. */
  readonly options: readonly string[];
  /** What else a configuration has to say, YAML. */
  configure?(name: string): readonly string[];
  /** What its author should know next. */
  readonly next: string;
}

export const kindFacts: Readonly<Record<Kind, KindFacts>> = {
  strategy: {
    purpose: 'ranks the deployments that could serve a request',
    starter: 'Prefers the deployments that fail least; of equally reliable ones, the fastest.',
    claims: (name) => ({ routingStrategies: [name] }),
    options: ['tolerance: 0.1'],
    next: 'Return arrays inside the ranking to leave ties to the next strategy, or `undefined` to leave it all to it. `prepare` fetches features such as an embedding ahead of `select`; `observe` tells how a request ended.',
  },
  provider: {
    purpose: "translates to and from one vendor's API",
    starter: 'Calls servers that speak the dialect of OpenAI.',
    claims: (name) => ({ modelPrefixes: [name] }),
    options: ['origin: http://127.0.0.1:8000/v1'],
    configure: (name) => [
      'model_list:',
      '  - model_name: chat',
      '    litellm_params:',
      `      model: ${name}/the-name-your-server-knows`,
      '      api_base: http://127.0.0.1:8000/v1',
    ],
    next: 'The prefix it claims stands in package.json under `rutter.claims.modelPrefixes`. Errors that a status does not tell belong into `failure`: a code says whether another try makes sense.',
  },
  protocol: {
    purpose: 'speaks a dialect with clients',
    starter: 'Takes one question at POST /ask and gives one answer.',
    options: ['path: /ask', 'instructions: Answer in one sentence.'],
    next: 'Add a `writer` to the dialect to stream, and routes of mode `json` for whatever else your clients ask. The path `/ask` and the name of the dialect must be nobody else’s in the gateway.',
  },
  guard: {
    purpose: 'admits, refuses, limits or amends requests and replies',
    starter: 'Refuses requests that hold a forbidden phrase.',
    needs: ['text'],
    options: ['phrases: [ignore all previous instructions]'],
    next: '`identify` says who asks, `reserve` asks for limits, `checkReply` and `events` judge what comes back.',
  },
  cache: {
    purpose: 'answers again what was answered before',
    starter: 'Answers a request that was asked before with the reply it got, for a while.',
    needs: ['text'],
    options: ['maxEntries: 1000', 'ttlSeconds: 600'],
    next: 'To share entries between replicas, list `state` under `rutter.uses` in package.json and keep them in `host.use("state")`.',
  },
  observer: {
    purpose: 'watches how requests end',
    starter: 'Adds up requests, failures and cost by model group, and logs the sums.',
    options: ['everySeconds: 60'],
    next: '`changed` tells of reloads and cooldowns. To send what you see elsewhere, list `fetch` under `rutter.needs` and use `host.fetch`.',
  },
  embedder: {
    purpose: 'turns texts into vectors',
    starter: 'Turns a text into the numbers of its words, without a model.',
    provides: ['embedder'],
    options: ['dimensions: 256'],
    next: 'Change `version` whenever the same text would give another vector: others keep what they were given.',
  },
  store: {
    purpose: 'keeps durable records',
    starter: 'Keeps records in one SQLite file.',
    needs: ['node', 'files'],
    provides: ['store'],
    options: ['file: records.sqlite', 'maxQueued: 10000'],
    next: 'SQLite blocks while it works, and this starter has no deadline for a statement: move it into a worker thread before many depend on it.',
  },
  state: {
    purpose: 'keeps counters, reservations, leases and messages',
    starter: 'Keeps counters, reservations, leases, values and messages in memory.',
    provides: ['state'],
    options: ['maxEntries: 100000'],
    next: 'For replicas, do the same on a server they share. `checkState` takes `replicated: true` and then looks through two doors at one state.',
  },
  source: {
    purpose: 'gives artefacts, plugins and configuration by key',
    starter: 'Gives and takes blobs in a folder on disk.',
    needs: ['node', 'files'],
    provides: ['source'],
    options: ['folder: /srv/artefacts'],
    next: 'ETags must change exactly when the bytes do, and `put` must hold its condition against writers in other processes too.',
  },
  secrets: {
    purpose: 'resolves references to secrets in the configuration',
    starter: 'Reads secrets from files, one secret a file.',
    needs: ['node'],
    claims: (name) => ({ references: [`${name}/`] }),
    options: ['folder: /run/secrets'],
    next: 'The prefix of its references stands in package.json under `rutter.claims.references`. Never put a value into a log or an error.',
  },
  extension: {
    purpose: "taps the kernel's own hooks; for trusted plugins only",
    starter: 'Logs requests that took longer than they should.',
    options: ['slowMs: 5000'],
    next: 'What the hooks are called with is the kernel’s own business and may change: prefer another kind wherever one fits.',
  },
};
