/** What the parts of the provider suite share. */
import type { Facets, Provider } from '../contract/kinds.ts';
import type { Deployment } from '../contract/request.ts';
import type { ChatCodec } from '../contract/wire.ts';
import type { Suite, SuiteOptions } from './report.ts';

export interface ProviderOptions extends SuiteOptions {
  /** The deployment to translate for, where the provider reads its settings. */
  readonly deployment?: Partial<Deployment>;
  /** Complete streams of the vendor, framed as server-sent events; samples of the codec's dialect when absent. */
  readonly streams?: readonly string[];
  /** Whole replies of the vendor, as JSON values; samples of the codec's dialect when absent. */
  readonly replies?: readonly unknown[];
}

export interface ProviderBench {
  readonly suite: Suite<'provider'>;
  readonly options: ProviderOptions;
  readonly provider: Provider & Facets;
  readonly deployment: Deployment;
}

export const chatCodecs = ({ chat, completions }: Provider): [string, ChatCodec][] =>
  [['chat', chat] as const, ['completions', completions] as const].flatMap(([name, codec]) =>
    codec === undefined ? [] : [[name, codec]],
  );
