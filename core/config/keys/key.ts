/** How one key of the configuration file is described: the source of reading, schema and reference alike. */

export type KeyType =
  | 'text'
  | 'secret'
  | 'boolean'
  | 'integer'
  | 'number'
  | 'duration'
  | 'price'
  | 'prices'
  | 'price-tiers'
  | 'discounts'
  | 'margins'
  | 'texts'
  | 'text-or-texts'
  | 'patterns'
  | 'addresses'
  | 'networks'
  | 'headers'
  | 'map'
  | 'list'
  | 'any'
  | 'fallbacks'
  | 'targets'
  | 'aliases'
  | 'group-lists'
  | 'client-parameters'
  | 'plugins'
  | 'block'
  | 'blocks'
  | 'block-map';

/**
 * What becomes of a key: `honoured` by the kernel; `kept` in the settings for
 * the plugin or kernel part that reads it there; `later`, known but without
 * effect until the capability that owns it is there, which is told in a
 * warning; `refused`, with a reason, because to leave it out would be worse
 * than not to start.
 */
export type Fate = 'honoured' | 'kept' | 'later' | 'refused';

export interface KeyOptions {
  /** Value when the key is absent, in words of the reference. */
  readonly default?: string;
  /** Bounds of numbers; of durations in milliseconds. */
  readonly min?: number;
  readonly max?: number;
  /** The only texts accepted. */
  readonly choices?: readonly string[];
  /** Name of the block that describes what stands inside, for `block`, `blocks` and `block-map`. */
  readonly block?: string;
  /** Of a key without effect: false asks for something too, and is told of as well. */
  readonly asksWhenFalse?: boolean;
  /** The key must not be left without a value where it stands: absent and empty are different things. */
  readonly needsValue?: boolean;
}

export interface Key extends KeyOptions {
  readonly type: KeyType;
  readonly fate: Fate;
  readonly doc: string;
  /** The capability that a `later` key waits for. */
  readonly owner?: string;
  /** Why a `refused` key is refused, and what to do in its stead. */
  readonly reason?: string;
}

export interface KeyBlock {
  readonly doc: string;
  /** Unknown keys are values of their own rather than mistakes. */
  readonly open: boolean;
  readonly keys: Readonly<Record<string, Key>>;
  /** Families of keys, after the single ones. */
  readonly families?: readonly { readonly pattern: RegExp; readonly key: Key }[];
}

const keyOf =
  (fate: Fate) =>
  (type: KeyType, doc: string, options: KeyOptions = {}): Key => ({ type, fate, doc, ...options });

export const honoured = keyOf('honoured');
export const kept = keyOf('kept');
const later = keyOf('later');

type MakeKey = (type: KeyType, doc: string, options?: KeyOptions) => Key;

/** Keys that wait for one capability. */
export const ownedBy =
  (owner: string): MakeKey =>
  (type, doc, options = {}) => ({ ...later(type, doc, options), owner });

/** A key that keeps the gateway from starting. */
export const refused = (type: KeyType, doc: string, reason: string): Key => ({ type, fate: 'refused', doc, reason });

/** The description of a key in a block, single or by family. */
export function keyIn(block: KeyBlock, name: string): Key | undefined {
  if (Object.hasOwn(block.keys, name)) return block.keys[name];
  return block.families?.find(({ pattern }) => pattern.test(name))?.key;
}
