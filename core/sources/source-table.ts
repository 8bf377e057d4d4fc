/**
 * Source plugins that run ahead of every composition, one for each bucket
 * that is asked for: what they hold is needed to know what to compose.
 */
import { hash } from 'node:crypto';
import { RutterError, type Source } from '@rutter/plugin-sdk';
import type { Configuration, PluginEntry } from '../config/types.ts';
import { defaultDeadlines, type Running, setUp } from '../generation/running.ts';
import { Evaluator } from '../plugins/evaluate.ts';
import { canonical } from '../plugins/instance-key.ts';
import type { KernelServices } from '../plugins/kernel-services.ts';
import { noGrants } from '../plugins/plan.ts';
import type { PluginPackage } from '../plugins/types.ts';

export interface SourceChoice {
  readonly configuration: Configuration;
  readonly shipped: readonly PluginPackage[];
  /** Where the address is written. */
  readonly entry: PluginEntry;
}

const mostSources = 32;

export class SourceTable {
  readonly #kernel: KernelServices;
  readonly #evaluator = new Evaluator();
  readonly #running = new Map<string, Promise<Running>>();

  constructor(kernel: KernelServices) {
    this.#kernel = kernel;
  }

  /**
   * The source for a bucket. Options are those of the entry that names the
   * plugin claiming the scheme. ERR_CONFIG_INVALID where nobody claims it.
   */
  async open(scheme: string, bucket: string, choice: SourceChoice): Promise<Source> {
    const found = choice.shipped.find(({ manifest }) => manifest.claims.sources?.includes(scheme));
    if (found === undefined) {
      const known = choice.shipped.flatMap(({ manifest }) => manifest.claims.sources ?? []);
      throw new RutterError(
        'ERR_CONFIG_INVALID',
        `No plugin is a source for ${scheme}://; expected one of ${known.map((one) => `${one}://`).join(', ') || 'none'}.`,
      );
    }
    const own = choice.configuration.plugins.find(({ use }) => use === found.manifest.name);
    const values = { ...own?.config, bucket };
    const key = hash('sha256', JSON.stringify([found.packed?.digest, canonical(values)]), 'hex');
    const running = this.#running.get(key) ?? this.#start(found, { ...choice, own, values, key });
    this.#running.set(key, running);
    await this.#prune(key);
    try {
      return (await running).value as Source;
    } catch (error) {
      this.#running.delete(key);
      throw error;
    }
  }

  async close(): Promise<void> {
    const all = [...this.#running.values()];
    this.#running.clear();
    await Promise.all(all.map(async (running) => (await running.catch(() => undefined))?.dispose()));
  }

  async #start(
    found: PluginPackage,
    {
      configuration,
      entry,
      own,
      values,
      key,
    }: SourceChoice & {
      readonly own: PluginEntry | undefined;
      readonly values: Readonly<Record<string, unknown>>;
      readonly key: string;
    },
  ): Promise<Running> {
    const { manifest } = found;
    const place = own?.place ?? entry.place;
    const result = await setUp({
      instance: {
        name: manifest.name,
        package: found,
        for: undefined,
        onFailure: 'abort',
        config: { values, paths: {}, base: `${place.path}.config`, derived: [] },
        reason: 'holds plugins',
        place,
        origin: 'claim',
        isTrusted: true,
        grants: noGrants,
        uses: new Map(),
      },
      key,
      place: 'in-process',
      services: new Map(),
      configuration,
      kernel: this.#kernel,
      evaluator: this.#evaluator,
      deadlines: defaultDeadlines,
      supervise: undefined,
    });
    if ('running' in result) return result.running;
    const [first] = result.diagnostics;
    throw new RutterError(
      'ERR_CONFIG_INVALID',
      `${first?.message ?? 'Its options were refused.'} Found ${first?.found}; expected ${first?.expected}.`,
    );
  }

  /** Those of earlier configurations, oldest first. */
  async #prune(kept: string): Promise<void> {
    for (const [key, running] of this.#running) {
      if (this.#running.size <= mostSources || key === kept) return;
      this.#running.delete(key);
      await (await running.catch(() => undefined))?.dispose();
    }
  }
}
