/** A host, fixtures and conformance suites for the tests of plugins; bound to no test runner. */

export { type BertShape, bertNetwork, bertVocabulary, miniLmShape } from './bert.ts';
export { type CacheOptions, checkCache } from './check-cache.ts';
export { checkEmbedder, type EmbedderOptions } from './check-embedder.ts';
export { checkGuard, type GuardOptions } from './check-guard.ts';
export { checkProvider } from './check-provider.ts';
export { checkSource, type SourceOptions } from './check-source.ts';
export { checkState, type StateOptions } from './check-state.ts';
export { checkStore, type StoreOptions } from './check-store.ts';
export { checkStrategy, countFirst, type StrategyOptions } from './check-strategy.ts';
export { type ManualClock, manualClock } from './clock.ts';
export { type FakeFeedback, fakeFeedback } from './feedback.ts';
export * from './fixtures.ts';
export { type FakeHost, type FakeHostOptions, fakeHost, type LogLine } from './host.ts';
export type { ProviderOptions } from './provider-bench.ts';
export { seededRandom } from './random.ts';
export { assertConforms, type Report, type Subject, type SuiteOptions } from './report.ts';
export * from './requests.ts';
export { repliesByDialect, sseFrames, streamsByDialect } from './streams.ts';
