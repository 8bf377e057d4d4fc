/**
 * Values that do not print. The text lives in a private field, so that neither
 * `util.inspect`, JSON, string conversion nor a structured clone can show it.
 *
 * Invariant: {@link revealSecret} is called by `core/upstream` and `core/plugins`
 * alone, at the moment the text goes out on a socket or into a trusted plugin.
 */
import { hash, timingSafeEqual } from 'node:crypto';
import { inspect } from 'node:util';
import { type Credential, RutterError, type Secret } from '@rutter/plugin-sdk';

const mask = '[secret]';
/** Longer ones would let a plugin guess a key piece by piece. */
const longestPrefix = 16;

const sha256 = (text: string): Buffer => hash('sha256', text, 'buffer');

/** Beside the frozen objects, not in them. */
const digests = new WeakMap<object, Buffer>();

/** Callers send the same few credentials again and again, each time as a new object. */
const sent = new Map<string, Buffer>();
const mostSent = 512;
/** Longer ones are tokens of an hour, or made up. */
const longestSent = 256;

function sentDigest(value: string): Buffer {
  if (value.length > longestSent) return sha256(value);
  let digest = sent.get(value);
  if (digest === undefined) {
    digest = sha256(value);
    if (sent.size >= mostSent) sent.clear();
    sent.set(value, digest);
  }
  return digest;
}

class OpaqueSecret implements Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** Computed once: a configured key is compared with every caller's. */
  static hashed(secret: object): Buffer | undefined {
    if (!(#value in secret)) return undefined;
    if (secret instanceof OpaqueCredential) return sentDigest(secret.#value);
    let hashed = digests.get(secret);
    if (!hashed) {
      hashed = sha256(secret.#value);
      digests.set(secret, hashed);
    }
    return hashed;
  }

  static reveal(secret: object): string | undefined {
    return #value in secret ? secret.#value : undefined;
  }

  equals(other: Secret | string): boolean {
    // Digests are of one length whatever the values are, so that time tells nothing about either.
    const theirs = typeof other === 'string' ? sha256(other) : OpaqueSecret.hashed(other);
    return theirs !== undefined && timingSafeEqual(OpaqueSecret.hashed(this) as Buffer, theirs);
  }

  digest(): string {
    return hash('sha256', this.#value, 'hex');
  }

  toString(): string {
    return mask;
  }

  toJSON(): string {
    return mask;
  }

  [inspect.custom](): string {
    return mask;
  }
}

class OpaqueCredential extends OpaqueSecret implements Credential {
  readonly source: string;

  constructor(value: string, source: string) {
    super(value);
    this.source = source;
  }

  startsWith(prefix: string): boolean {
    if (prefix.length > longestPrefix) {
      throw new RutterError(
        'ERR_PLUGIN_INVALID',
        `A credential was asked for a prefix of ${prefix.length} characters; only public prefixes of up to ${longestPrefix} may be tested.`,
      );
    }
    return revealSecret(this).startsWith(prefix);
  }
}

let watcher: (value: string) => void = () => {};

/** The log's sink asks to be told of every configured secret, so that it can take them out of its lines. */
export function watchSecrets(told: (value: string) => void): void {
  watcher = told;
}

/** Hides a value. Frozen: nothing can be attached to or taken from it. */
export function createSecret(value: string): Secret {
  watcher(value);
  return Object.freeze(new OpaqueSecret(value));
}

/** Hides what one request brought along: it is forgotten with the request, and the log's sink need not know it. */
export function createRequestSecret(value: string): Secret {
  return Object.freeze(new OpaqueSecret(value));
}

/** Hides what a caller sent, with the header it came in (lower case, or `query`). */
export function createCredential(value: string, source: string): Credential {
  return Object.freeze(new OpaqueCredential(value, source));
}

/** Whether a value is a secret this kernel made. */
export function isSecret(value: unknown): value is Secret {
  return typeof value === 'object' && value !== null && OpaqueSecret.reveal(value) !== undefined;
}

/** The text of a secret made by {@link createSecret} or {@link createCredential}; ERR_KERNEL_INTERNAL for anything else. */
export function revealSecret(secret: Secret): string {
  const value = OpaqueSecret.reveal(secret);
  if (value === undefined) {
    throw new RutterError(
      'ERR_KERNEL_INTERNAL',
      'A secret was expected that this kernel made; an object of another origin was found.',
    );
  }
  return value;
}
