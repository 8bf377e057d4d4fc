/** The configuration that `dev` runs a plugin in. JSON, which is YAML as well. */
import type { Kind } from '../contract/kinds.ts';
import type { Manifest } from '../contract/plugin.ts';

export interface DevPlugin {
  readonly folder: string;
  readonly kind: Kind;
  readonly manifest: Pick<Manifest, 'name' | 'claims'>;
}

export interface DevConfiguration {
  readonly text: string;
  /** A model to ask for. */
  readonly model: string;
}

const simulated = 'provider-simulated';

/** Three deployments of one group, unlike enough that it shows which one a strategy prefers. */
const unlike = { quick: { latencyMs: 60 }, middling: { latencyMs: 250 }, slow: { latencyMs: 700 } };

/** `base` is a configuration of the user's own, which takes the place of the simulated models. */
export function devConfiguration({ folder, kind, manifest }: DevPlugin, base: string | undefined): DevConfiguration {
  const entry = { use: folder, as: manifest.name, trust: true };
  if (base !== undefined) {
    return { text: json({ include: base, plugins: [entry] }), model: 'MODEL' };
  }
  const prefix = manifest.claims.modelPrefixes?.[0];
  const own = kind === 'provider' && prefix !== undefined ? [deployment('dev', `${prefix}/default`)] : [];
  const ranked =
    kind === 'strategy' ? Object.keys(unlike).map((model) => deployment('dev', `simulated/${model}`, model)) : [];
  const text = json({
    derive: true,
    plugins: [entry, ...(ranked.length > 0 ? [{ use: simulated, config: { models: unlike } }] : [])],
    model_list: [...own, ...ranked, ...['simulated', '*'].map((name) => deployment(name, 'simulated/default'))],
    // A stop waits no longer for streams that somebody left open.
    general_settings: { drain_timeout: 2 },
  });
  return { text, model: own.length + ranked.length > 0 ? 'dev' : 'simulated' };
}

const deployment = (name: string, model: string, id?: string) => ({
  model_name: name,
  litellm_params: { model },
  ...(id !== undefined && { model_info: { id } }),
});

const json = (value: unknown) => `${JSON.stringify(value, undefined, 2)}\n`;
