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

/** Three deployments of one group, unlike enough that it shows which one a strategy prefers: the slower, the cheaper. */
const unlike = [
  { model: 'quick', latencyMs: 60, costPerToken: 0.000008 },
  { model: 'middling', latencyMs: 250, costPerToken: 0.000002 },
  { model: 'slow', latencyMs: 700, costPerToken: 0.0000005 },
];

/** `base` is a configuration of the user's own, which takes the place of the simulated models. */
export function devConfiguration({ folder, kind, manifest }: DevPlugin, base: string | undefined): DevConfiguration {
  const entry = { use: folder, as: manifest.name, trust: true };
  if (base !== undefined) {
    return { text: json({ include: base, plugins: [entry] }), model: 'MODEL' };
  }
  const prefix = manifest.claims.modelPrefixes?.[0];
  const own = kind === 'provider' && prefix !== undefined ? [deployment('dev', `${prefix}/default`)] : [];
  const ranked = kind === 'strategy' ? unlike : [];
  const models = Object.fromEntries(ranked.map(({ model, latencyMs }) => [model, { latencyMs }]));
  const text = json({
    derive: true,
    plugins: [entry, ...(ranked.length > 0 ? [{ use: simulated, config: { models } }] : [])],
    model_list: [
      ...own,
      ...ranked.map(priced),
      ...['simulated', '*'].map((name) => deployment(name, 'simulated/default')),
    ],
    // A stop waits no longer for streams that somebody left open.
    general_settings: { drain_timeout: 2 },
  });
  return { text, model: own.length + ranked.length > 0 ? 'dev' : 'simulated' };
}

const deployment = (name: string, model: string) => ({ model_name: name, litellm_params: { model } });

const priced = ({ model, costPerToken }: (typeof unlike)[number]) => ({
  model_name: 'dev',
  litellm_params: {
    model: `simulated/${model}`,
    input_cost_per_token: costPerToken,
    output_cost_per_token: costPerToken,
  },
  model_info: { id: model },
});

const json = (value: unknown) => `${JSON.stringify(value, undefined, 2)}\n`;
