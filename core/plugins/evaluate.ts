/**
 * Keeps the definitions of packed texts, each evaluated once per digest and
 * forgotten when the last instance made from it has gone.
 *
 * Invariant: a text is run only if it is the one its manifest names.
 */
import { readFileSync } from 'node:fs';
import { type PluginDefinition, RutterError } from '@rutter/plugin-sdk';
import { evaluatePacked, Trace } from '@rutter/plugin-sdk/pack';
import { readText } from './distribution.ts';
import type { PackedFile, PluginPackage } from './types.ts';

/** A hold on a definition. */
export interface Loaded {
  readonly definition: PluginDefinition;
  /** Gives it back; twice is harmless. */
  release(): void;
}

interface Entry {
  readonly definition: Promise<PluginDefinition>;
  readonly trace: Trace;
  holders: number;
}

export class Evaluator {
  readonly #entries = new Map<string, Entry>();

  /** ERR_PLUGIN_INVALID when the package is not packed, was changed since, or its text throws. */
  async acquire(found: PluginPackage): Promise<Loaded> {
    // External packages and files are found from the folder: the same text elsewhere may get others.
    const isBound = found.manifest.external.length > 0 || found.manifest.needs.includes('node');
    const identity = JSON.stringify([found.packed?.digest, isBound ? found.folder : '']);
    const entry = this.#entries.get(identity) ?? this.#load(found);
    this.#entries.set(identity, entry);
    entry.holders += 1;
    let isHeld = true;
    const release = () => {
      if (!isHeld) return;
      isHeld = false;
      entry.holders -= 1;
      if (entry.holders === 0 && this.#entries.get(identity) === entry) this.#entries.delete(identity);
    };
    try {
      return { definition: await entry.definition, release };
    } catch (error) {
      // With the entry goes the way back to the sources.
      for (const thrown of [error, error instanceof Error ? error.cause : undefined])
        if (thrown instanceof Error && thrown.stack !== undefined) thrown.stack = entry.trace.map(thrown.stack);
      release();
      throw error;
    }
  }

  /** How many definitions are kept. */
  get size(): number {
    return this.#entries.size;
  }

  /** A stack trace whose lines lead to sources instead of packed texts. */
  mapStack(stack: string): string {
    let mapped = stack;
    for (const { trace } of this.#entries.values()) mapped = trace.map(mapped);
    return mapped;
  }

  #load(found: PluginPackage): Entry {
    const { packed } = found;
    if (packed === undefined) throw notPacked(found);
    const { map } = packed;
    const trace = new Trace(packed.file, () => (map === undefined ? undefined : readMap(map)));
    return { definition: evaluate(found, packed), trace, holders: 0 };
  }
}

async function evaluate(found: PluginPackage, packed: PackedFile): Promise<PluginDefinition> {
  const text = await packedText(found);
  return evaluatePacked({ text, file: packed.file, folder: found.folder, manifest: found.manifest });
}

/** The packed text of a plugin. ERR_PLUGIN_INVALID where it is not the one its manifest names. */
export async function packedText(found: PluginPackage): Promise<string> {
  const { packed, manifest } = found;
  if (packed === undefined) throw notPacked(found);
  return packed.text ?? readText(packed, manifest.name);
}

const notPacked = ({ manifest, folder }: PluginPackage) =>
  new RutterError('ERR_PLUGIN_INVALID', `Plugin "${manifest.name}" in ${folder} is not packed. Run "npm run build".`);

/** A map that has gone costs the mapping, not the trace. */
function readMap(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
