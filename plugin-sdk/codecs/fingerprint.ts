/** A number that stands for a text, the same wherever and whenever it is made. */

// FNV-1a with 64 bits: http://www.isthe.com/chongo/tech/comp/fnv/
const basis = 0xcbf29ce484222325n;
const prime = 0x100000001b3n;

/** 64 bits of a text. For names that need to differ, not for secrets: whoever wants two texts with one number finds them. */
export function fingerprint(text: string): bigint {
  let hash = basis;
  for (const character of text) hash = BigInt.asUintN(64, (hash ^ BigInt(character.codePointAt(0) ?? 0)) * prime);
  // The low bits are the weakest.
  return hash ^ (hash >> 32n);
}
