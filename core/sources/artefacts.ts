/**
 * Files that options name by address: brought to this machine before the
 * instance that reads them is set up.
 *
 * Invariant: what an instance is handed is one file and no other, named by its
 * digest. Another file is another option, and so another instance.
 */
import { RutterError } from '@rutter/plugin-sdk';
import type { Configuration, Diagnostic, Place } from '../config/types.ts';
import { type JsonSchema, propertyOf, writtenAt } from '../plugins/instance-config.ts';
import type { ComposedInstance, Composition } from '../plugins/plan.ts';
import type { PluginPackage } from '../plugins/types.ts';
import { besideAddress, isAddress } from './address.ts';
import type { SourceReading } from './sources.ts';

interface Surroundings {
  readonly configuration: Configuration;
  readonly packages: readonly PluginPackage[];
  readonly reading: SourceReading;
}

interface Found {
  readonly composition: Composition;
  readonly diagnostics: readonly Diagnostic[];
}

export async function bringArtefacts(composition: Composition, surroundings: Surroundings): Promise<Found> {
  const diagnostics: Diagnostic[] = [];
  const instances = new Map<string, ComposedInstance>();
  for (const instance of composition.instances)
    instances.set(instance.name, await withArtefacts(instance, { ...surroundings, diagnostics }));
  const brought = ({ name }: ComposedInstance) => instances.get(name) as ComposedInstance;
  return {
    composition: {
      ...composition,
      instances: composition.instances.map(brought),
      order: composition.order.map(brought),
    },
    diagnostics,
  };
}

async function withArtefacts(
  instance: ComposedInstance,
  { configuration, packages, reading, diagnostics }: Surroundings & { readonly diagnostics: Diagnostic[] },
): Promise<ComposedInstance> {
  const schemes = packages.flatMap(({ manifest }) => manifest.claims.sources ?? []);
  const replace = async (text: string, schema: JsonSchema, place: Place): Promise<string> => {
    try {
      const address = addressOf(text, place);
      // What is no source's is for the plugin itself to reach, unless it can read files alone.
      const isOurs = schemes.includes(address?.slice(0, address.indexOf(':')) ?? '');
      if (address === undefined || (!isOurs && schema.artefact !== true)) return text;
      const { path, digest, warning: message } = await reading.bring(address, { configuration, place });
      if (message !== undefined) tell({ severity: 'warning', message, found: address, place });
      return schema.artefact === true ? `${path}#sha256=${digest}` : path;
    } catch (error) {
      const { message, code } = RutterError.from(error);
      tell({ severity: 'error', message, found: `${text}: ${code}`, place });
      return text;
    }
  };
  const tell = (diagnostic: Omit<Diagnostic, 'expected'>) =>
    void diagnostics.push({ ...diagnostic, expected: 'a file that its source gives' });
  const walk = async (
    schema: JsonSchema | undefined,
    value: unknown,
    path: readonly PropertyKey[],
  ): Promise<unknown> => {
    if (typeof value === 'string' && schema?.location === true)
      return replace(value, schema, configuration.placeOf(writtenAt(instance, path)));
    if (Array.isArray(value))
      return Promise.all(value.map((item, index) => walk(schema?.items, item, [...path, index])));
    if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
    const entries = Object.entries(value).map(
      async ([key, item]) => [key, await walk(propertyOf(schema, key), item, [...path, key])] as const,
    );
    return Object.fromEntries(await Promise.all(entries));
  };
  const schema = instance.package.manifest.config as JsonSchema | undefined;
  if (!hasLocation(schema)) return instance;
  const values = (await walk(schema, instance.config.values, [])) as Readonly<Record<string, unknown>>;
  return { ...instance, config: { ...instance.config, values } };
}

/** The address that a text means; undefined for a file of this machine. What a file of a source names is beside it. */
function addressOf(text: string, { file }: Place): string | undefined {
  if (isAddress(text)) return text;
  return isAddress(file) && !text.startsWith('/') ? besideAddress(file, text) : undefined;
}

/** Most plugins have none: their options are left as they are. */
function hasLocation(schema: JsonSchema | undefined): boolean {
  if (schema === undefined) return false;
  if (schema.location === true) return true;
  const inner = [schema.items, ...Object.values(schema.properties ?? {}), schema.additionalProperties];
  return inner.some((one) => typeof one === 'object' && one !== null && hasLocation(one as JsonSchema));
}
