/** What the plugin runtime hands to the request path. */
import type { Facets, Kind, Kinds, Manifest } from '@rutter/plugin-sdk';

export type PlaceName = 'in-process' | 'supervisor';

export interface PackedFile {
  readonly file: string;
  readonly map: string | undefined;
  readonly digest: string;
  /** The text itself where it was read with the manifest: what was checked is what runs, whatever becomes of the file. */
  readonly text?: string;
}

/** A plugin found on disk, described as data; nothing of it has run. */
export interface PluginPackage {
  readonly manifest: Manifest;
  readonly folder: string;
  /** The packed text and its source map, or undefined while only sources exist. */
  readonly packed: PackedFile | undefined;
  readonly origin: 'shipped' | 'folder';
}

/** A running copy of a plugin, shared by every generation whose key for it is the same. */
export interface PluginInstance<K extends Kind = Kind> {
  /** Name + digest + configuration + place. */
  readonly key: string;
  readonly name: string;
  readonly manifest: Manifest;
  readonly digest: string;
  readonly place: PlaceName;
  readonly reason: string;
  /** Model groups it serves; all when undefined. */
  readonly for: readonly string[] | undefined;
  readonly value: Kinds[K] & Facets;
  readonly setupMs: number;
  lastError: { readonly at: number; readonly message: string } | undefined;
}

/** A request's hold on its generation. Giving it back twice is harmless. */
export interface Lease {
  release(): void;
}
