/**
 * Source plugins that run ahead of every composition, one for each bucket
 * that is asked for: what they hold is needed to know what to compose. The
 * `secrets` plugins that their options refer to run before them.
 */
import { hash } from 'node:crypto';
import { RutterError, type Source } from '@rutter/plugin-sdk';
import type { Configuration, Place, PluginEntry } from '../config/types.ts';
import { defaultDeadlines, type Running, setUp } from '../generation/running.ts';
import { Evaluator } from '../plugins/evaluate.ts';
import { canonical } from '../plugins/instance-key.ts';
import type { KernelServices } from '../plugins/kernel-services.ts';
import { noGrants } from '../plugins/plan.ts';
import { References } from '../plugins/references.ts';
import type { PluginPackage } from '../plugins/types.ts';

export interface SourceChoice {
  readonly configuration: Pick<Configuration, 'plugins' | 'placeOf'>;
  /** Plugins at hand without any source: shipped ones, and folders of this machine. */
  packages(): Promise<readonly PluginPackage[]>;
  /** Where the address is written. */
  readonly place: Place;
}

interface Start {
  readonly found: PluginPackage;
  readonly values: Readonly<Record<string, unknown>>;
  readonly place: Place;
  readonly reason: string;
}

const mostRunning = 64;

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
    const packages = await choice.packages();
    const found = packages.find(({ manifest }) => manifest.claims.sources?.includes(scheme));
    if (found === undefined) {
      const known = packages.flatMap(({ manifest }) => manifest.claims.sources ?? []);
      throw new RutterError(
        'ERR_CONFIG_INVALID',
        `No plugin is a source for ${scheme}://; expected one of ${known.map((one) => `${one}://`).join(', ') || 'none'}.`,
      );
    }
    const own = entryFor(found, choice);
    const values = { ...own?.config, bucket };
    const running = await this.#run(
      { found, values, place: own?.place ?? choice.place, reason: 'holds what the configuration names' },
      choice,
    );
    return running.value as Source;
  }

  async close(): Promise<void> {
    const all = [...this.#running.values()];
    this.#running.clear();
    await Promise.all(all.map(async (running) => (await running.catch(() => undefined))?.dispose()));
  }

  async #run(start: Start, choice: SourceChoice): Promise<Running> {
    const { found, values } = start;
    const key = hash('sha256', JSON.stringify([found.manifest.name, found.packed?.digest, canonical(values)]), 'hex');
    const running = this.#running.get(key) ?? this.#start(start, { key, choice });
    // The one used last stands last.
    this.#running.delete(key);
    this.#running.set(key, running);
    await this.#prune();
    try {
      return await running;
    } catch (error) {
      if (this.#running.get(key) === running) this.#running.delete(key);
      throw error;
    }
  }

  async #start(
    { found, values, place, reason }: Start,
    { key, choice }: { readonly key: string; readonly choice: SourceChoice },
  ): Promise<Running> {
    const { manifest } = found;
    if (found.origin === 'untrusted')
      throw new RutterError(
        'ERR_CONFIG_INVALID',
        `Plugin "${manifest.name}" is a ${manifest.kind} plugin that nobody vouches for; expected "trust: true" in its entry.`,
      );
    const base = `${place.path}.config`;
    const result = await setUp({
      instance: {
        name: manifest.name,
        package: found,
        for: undefined,
        onFailure: 'abort',
        config: { values: await this.#resolved(values, base, choice), paths: {}, base, derived: [] },
        reason,
        place,
        origin: 'claim',
        isTrusted: true,
        grants: noGrants,
        uses: new Map(),
      },
      key,
      place: 'in-process',
      services: new Map(),
      configuration: choice.configuration,
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

  /** The options with what they refer to, by the `secrets` plugins whose prefixes they hold. */
  async #resolved(
    values: Readonly<Record<string, unknown>>,
    base: string,
    choice: SourceChoice,
  ): Promise<Readonly<Record<string, unknown>>> {
    const packages = await choice.packages();
    const texts = Object.values(values).filter((value) => typeof value === 'string');
    const wanted = packages.filter(({ manifest: { kind, claims } }) => {
      const prefixes = kind === 'secrets' ? (claims.references ?? []) : [];
      return prefixes.some((prefix) => texts.some((text) => text.startsWith(prefix)));
    });
    if (wanted.length === 0) return values;
    const resolvers: Running[] = [];
    for (const found of wanted) {
      const own = entryFor(found, choice);
      resolvers.push(
        await this.#run(
          {
            found,
            values: own?.config ?? {},
            place: own?.place ?? choice.place,
            reason: 'resolves options of a source',
          },
          { ...choice, packages: async () => [] },
        ),
      );
    }
    return new References(resolvers).resolve(values, base);
  }

  /** Those of earlier configurations, used longest ago first. */
  async #prune(): Promise<void> {
    const [oldest] = this.#running;
    if (this.#running.size <= mostRunning || oldest === undefined) return;
    this.#running.delete(oldest[0]);
    await (await oldest[1].catch(() => undefined))?.dispose();
  }
}

function entryFor({ manifest, folder }: PluginPackage, { configuration }: SourceChoice): PluginEntry | undefined {
  return configuration.plugins.find(({ use }) => use === manifest.name || use === folder);
}
