/** Sources without a gateway around them: for commands that look at a configuration. */
import { RutterError } from '@rutter/plugin-sdk';
import type { Configuration } from '../config/types.ts';
import { FeatureDefinitions } from '../pipeline/features.ts';
import { KeepStore } from '../plugins/keep.ts';
import type { KernelServices } from '../plugins/kernel-services.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import { Authenticator } from '../upstream/auth/authenticator.ts';
import { Upstream } from '../upstream/exchange.ts';
import { kernelFetch, sourceFetch } from '../upstream/kernel-fetch.ts';
import { readSecurity } from '../upstream/tls.ts';
import { Sources } from './sources.ts';

export interface SourcesAlone {
  readonly sources: Sources;
  /** Reaches servers as this configuration says. */
  follow(configuration: Configuration): Promise<void>;
  close(): Promise<void>;
}

interface Surroundings extends Pick<KernelServices, 'dataFolder' | 'clock'> {
  readonly sandbox: Sandbox;
  readonly environment: NodeJS.ProcessEnv;
}

export function sourcesAlone({ environment, ...given }: Surroundings): SourcesAlone {
  const upstream = new Upstream();
  const authenticator = new Authenticator({ exchange: upstream, now: Date.now, environment });
  const refuse = () => {
    throw new RutterError('ERR_PLUGIN_INVALID', 'Only sources, and what resolves their options, run for a look.');
  };
  const silent = { debug() {}, info() {}, warn() {}, error() {} };
  const sources = new Sources({
    ...given,
    log: () => silent,
    seed: 'look',
    fetch: (url, options, kind) =>
      kind === 'source' ? sourceFetch(upstream, authenticator, { url, options }) : kernelFetch(upstream, url, options),
    spawnEnabled: false,
    invoke: refuse,
    provides: [],
    use: refuse,
    keep: new KeepStore(),
    features: new FeatureDefinitions(),
  });
  return {
    sources,
    async follow({ kernel, variables }) {
      upstream.allow(kernel.allowedAddresses);
      authenticator.useVariables(variables);
      const security = await readSecurity(kernel.tls).catch(() => undefined);
      if (security) upstream.secure(security);
    },
    async close() {
      await sources.close();
      await upstream.close(1000);
    },
  };
}
