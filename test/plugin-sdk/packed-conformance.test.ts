/**
 * What is shipped is the packed text, so that is what has to conform: each
 * plugin's is evaluated as the kernel evaluates it, and run through the suite
 * of its kind. A kind without a suite is held to what all kinds have in common.
 *
 * Nothing is left out by being new: a plugin that wants options, services or
 * a folder to be set up says so below, or its test fails.
 */
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type {
  Embedder,
  Feedback,
  Host,
  Kind,
  Models,
  PluginDefinition,
  Routing,
  State,
  Store,
} from '@rutter/plugin-sdk';
import * as testing from '@rutter/plugin-sdk/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findDistribution, readShipped } from '../../core/plugins/distribution.ts';
import { Evaluator } from '../../core/plugins/evaluate.ts';
import { type Report, runSuite, type SuiteOptions } from '../../plugin-sdk/testing/report.ts';
import { root } from '../support/index.ts';
import { bucketFetch } from './bucket.ts';

type Suite = (subject: PluginDefinition, options: SuiteOptions) => Promise<Report>;

const kinds: readonly Kind[] = [
  'protocol',
  'guard',
  'cache',
  'strategy',
  'provider',
  'observer',
  'embedder',
  'store',
  'state',
  'source',
  'secrets',
  'extension',
];

/** `checkStrategy` for a strategy; undefined where a kind has none of its own. */
function suiteOf(kind: Kind): Suite | undefined {
  const found = (testing as Readonly<Record<string, unknown>>)[`check${kind.charAt(0).toUpperCase()}${kind.slice(1)}`];
  return typeof found === 'function' ? (found as Suite) : undefined;
}

const shared =
  (kind: Kind): Suite =>
  (subject, options) =>
    runSuite(kind, { subject, options }, async () => {});

const masterKey = 'sk-master-of-the-suite';
const noModels: Models = {
  list: () => [],
  deployments: () => [],
  cost: () => undefined,
  parameters: async () => undefined,
};

/** A small network with its vocabulary; gives the folder back. */
function sentenceModel(folder: string): string {
  const pieces = testing.bertVocabulary();
  const network = testing.bertNetwork({ pieces: pieces.length, width: 8, layers: 1, heads: 2 });
  writeFileSync(join(folder, 'model.onnx'), network);
  writeFileSync(join(folder, 'vocab.txt'), pieces.join('\n'));
  return folder;
}

/** An embeddings endpoint that answers with the length of each text. */
const vectorFetch: Host['fetch'] = async (_url, options) => {
  const { input } = JSON.parse(options?.body as string) as { readonly input: readonly string[] };
  const body = { data: input.map(({ length }, index) => ({ index, embedding: [length, 1] })) };
  const text = async () => JSON.stringify(body);
  return { status: 200, headers: {}, body: (async function* () {})(), text, json: async () => body };
};

const noRouting = {} as Routing;
const noFeedback = {
  follow: async (start: () => unknown) => ({ current: start(), stop: () => {} }),
} as unknown as Feedback;
const lengths: Embedder = {
  dimensions: 2,
  version: 'lengths-2',
  embed: async (texts) => texts.map((text) => Float32Array.of(text.length, 1)),
};
const emptyStore: Store = {
  flavour: 'sqlite',
  migrate: async () => {},
  query: async () => [],
  run: async () => ({ changes: 0 }),
  append: () => true,
  flush: async () => {},
};
const silentState = { publish: async () => {}, subscribe: async () => async () => {} } as unknown as State;
const { 'anthropic-messages': streams = [], gemini: geminiStreams = [] } = testing.streamsByDialect;
const { 'anthropic-messages': replies = [], gemini: geminiReplies = [] } = testing.repliesByDialect;

/** What a suite is told of a plugin, by its name; most need nothing. `folder` is empty and the plugin's own. */
const optionsFor: Readonly<Record<string, (folder: string) => SuiteOptions & Readonly<Record<string, unknown>>>> = {
  ...Object.fromEntries(
    [
      'llmrouter-elo',
      'llmrouter-hybrid',
      'llmrouter-knn',
      'llmrouter-knn-multiround',
      'llmrouter-cost-aware',
      'llmrouter-graph',
      'llmrouter-mf',
      'llmrouter-routerdc',
      'taskaware',
      'threshold',
      'llmrouter-mlp',
      'llmrouter-svm',
      'llmrouter-gmt',
      'personalizedrouter',
      'routellm-mf',
      'routellm-sw',
      'rutter-auto',
    ].map((name) => [name, () => ({ host: { services: { embedder: lengths, feedback: testing.fakeFeedback() } } })]),
  ),
  'embedder-http': () => ({
    config: { api_base: 'http://vectors.example/v1', model: 'lengths', dimensions: 2 },
    host: { fetch: vectorFetch },
  }),
  'embedder-onnx': (folder) => ({ config: { path: sentenceModel(folder) } }),
  'extension-prices': () => ({ host: { services: { models: noModels } } }),
  'extension-router-lab': () => ({ host: { services: { embedder: lengths, store: emptyStore } } }),
  'llmrouter-custom': () => ({ host: { services: { models: noModels } } }),
  'guard-master-key': () => ({ config: { master_key: testing.secretOf(masterKey) }, accepts: [masterKey] }),
  'observer-experiments': () => ({
    host: { services: { routing: noRouting, store: emptyStore, state: silentState, feedback: noFeedback } },
  }),
  'observer-feedback': () => ({ host: { services: { embedder: lengths, store: emptyStore, state: silentState } } }),
  'observer-decisions': () => ({ host: { services: { routing: noRouting, state: silentState } } }),
  'prompt-caching': () => ({ host: { services: { state: silentState } } }),
  'protocol-openai': () => ({ host: { services: { models: noModels } } }),
  'provider-anthropic': () => ({ streams, replies }),
  'provider-gemini': () => ({ streams: geminiStreams, replies: geminiReplies }),
  'provider-vertex-ai': () => ({ streams: geminiStreams, replies: geminiReplies }),
  'source-s3': () => ({
    config: { bucket: 'suite', endpoint: 'http://bucket.example' },
    host: { fetch: bucketFetch() },
  }),
  'store-sqlite': (folder) => ({ host: { dataFolder: folder } }),
};

/** More than every kind is held to, which shows that the kind's own suite ran. */
const leastChecks = 6;

const shipped = await readShipped(findDistribution(root)!);
const evaluator = new Evaluator();
let scratch: string;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'rutter-conformance-'));
});
afterAll(() => rm(scratch, { recursive: true, force: true }));

describe.each(shipped.map((found) => ({ found, ...found.manifest })))('$name ($kind)', ({ found, name, kind }) => {
  it('conforms as the text that is shipped', async () => {
    expect(found.packed, 'run "npm run build"').toBeDefined();
    const { definition, release } = await evaluator.acquire(found);
    const suite = suiteOf(kind);
    const folder = await mkdtemp(join(scratch, `${name}-`));
    try {
      const report = await (suite ?? shared(kind))(definition, optionsFor[name]?.(folder) ?? {});
      testing.assertConforms(report);
      expect(report.passed.length).toBeGreaterThanOrEqual(suite === undefined ? 2 : leastChecks);
    } finally {
      release();
    }
  });
});

it('covers every kind that the embedded defaults consist of', () => {
  const covered = new Set(shipped.map(({ manifest }) => manifest.kind));
  expect([...covered]).toEqual(
    expect.arrayContaining(['protocol', 'guard', 'strategy', 'provider', 'observer', 'store', 'state']),
  );
});

it('knows the suite of every kind that has one, and no options of a plugin that is not shipped', () => {
  const withSuite = kinds.filter((kind) => suiteOf(kind) !== undefined);
  const offered = Object.keys(testing).filter((name) => /^check[A-Z]/.test(name));
  expect(withSuite).toHaveLength(offered.length);
  const names = shipped.map(({ manifest }) => manifest.name);
  expect(names).toEqual(expect.arrayContaining(Object.keys(optionsFor)));
});

it('gives every text back', () => {
  expect(evaluator.size).toBe(0);
});
