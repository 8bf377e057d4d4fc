/**
 * Features: named numbers or vectors of a request, computed when first wanted
 * and shared by all who want them.
 */
import type { Embedder, FeatureRegistry, FeatureValues, RequestContext } from '@rutter/plugin-sdk';
import { within } from '../deadline.ts';
import type { PluginInstance } from '../plugins/types.ts';
import { estimatedTokens } from '../pricing/usage.ts';
import type { ModelCall } from './model-call.ts';
import type { Held } from './path.ts';

type Compute = Parameters<FeatureRegistry['define']>[1];

interface Definition {
  readonly compute: Compute;
  readonly timeoutMs: number;
}

const defaultTimeoutMs = 50;

/** What instances have defined, by instance key; dropped with the instance. */
export class FeatureDefinitions {
  readonly #byInstance = new Map<string, Map<string, Definition>>();

  registry(instanceKey: string): FeatureRegistry {
    const definitions = new Map<string, Definition>();
    this.#byInstance.set(instanceKey, definitions);
    return {
      define: (name, compute, options) => {
        definitions.set(name, { compute, timeoutMs: options?.timeoutMs ?? defaultTimeoutMs });
      },
    };
  }

  forget(instanceKey: string): void {
    this.#byInstance.delete(instanceKey);
  }

  find(
    instances: readonly PluginInstance[],
    name: string,
  ): { definition: Definition; instance: PluginInstance } | undefined {
    for (const instance of instances) {
      const definition = this.#byInstance.get(instance.key)?.get(name);
      if (definition) return { definition, instance };
    }
    return undefined;
  }
}

export interface FeatureParts {
  readonly definitions: FeatureDefinitions;
  readonly instances: readonly PluginInstance[];
  readonly embedder: Held<Embedder> | undefined;
  readonly context: RequestContext;
  readonly call: ModelCall;
  onFault(instance: PluginInstance, error: unknown): void;
}

type Value = number | Float32Array;

function outputLimit(call: ModelCall): number | undefined {
  if (!call.wire.chat) return undefined;
  try {
    return call.chat().maxOutputTokens;
  } catch {
    // Not for a strategy to say what is wrong with the request.
    return undefined;
  }
}

/** What the kernel knows of every request, without waiting for anything. */
const known: Readonly<Record<string, (call: ModelCall) => number | undefined>> = {
  'input-tokens': (call) => estimatedTokens(call.text().length),
  'output-limit': outputLimit,
  stream: (call) => Number(call.stream),
};

/** `embedding` comes from the embedder; what the kernel does not know, from whoever defined it. */
export function featureValues(parts: FeatureParts): FeatureValues {
  const values = new Map<string, Value>();
  const running = new Map<string, Promise<Value | undefined>>();
  const compute = async (name: string): Promise<Value | undefined> => {
    const found = finder(parts, name);
    if (!found) return undefined;
    try {
      const value = await within<Value | undefined>(found.run, {
        ms: found.timeoutMs,
        late: `Feature ${name} took longer`,
      });
      if (value !== undefined) values.set(name, value);
      return value;
    } catch (error) {
      parts.onFault(found.instance, error);
      return undefined;
    }
  };
  return {
    get(name) {
      const value = values.get(name);
      if (value !== undefined || !Object.hasOwn(known, name)) return value;
      const found = known[name]?.(parts.call);
      if (found !== undefined) values.set(name, found);
      return found;
    },
    want(name) {
      if (Object.hasOwn(known, name)) return Promise.resolve(this.get(name));
      let promise = running.get(name);
      if (!promise) {
        promise = compute(name);
        running.set(name, promise);
      }
      return promise;
    },
  };
}

function finder(parts: FeatureParts, name: string) {
  const defined = parts.definitions.find(parts.instances, name);
  if (defined) {
    const { definition, instance } = defined;
    return {
      instance,
      timeoutMs: definition.timeoutMs,
      run: () => definition.compute(parts.context, parts.call.text()),
    };
  }
  const { embedder } = parts;
  if (name !== 'embedding' || !embedder) return undefined;
  return {
    instance: embedder.instance,
    timeoutMs: 1000,
    run: async () => (await embedder.value.embed([parts.call.text()]))[0],
  };
}
