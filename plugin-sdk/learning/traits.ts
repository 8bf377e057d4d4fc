/** Hand-made counts of a text: what its shape says of its kind. Each is a plain number of about 0 to 10. */
const patterns: readonly (readonly [string, RegExp])[] = [
  ['digits', /\d/g],
  ['numbers', /\d+/g],
  ['capitals', /\p{Lu}/gu],
  ['question marks', /\?/g],
  ['newlines', /\n/g],
  ['code marks', /[{};=<>]|\bdef\b|\breturn\b|\bfunction\b|\bclass\b|\bimport\b|```/g],
  ['mathematics', /[+*/^=√∑∫π]|\\[a-z]+|\$/g],
  ['options', /(?:^|\n|\s)\(?[A-J][).:]\s/g],
  ['numbered options', /(?:^|\n)\s*\(?\d+[).:]\s/g],
  ['quotes', /["“”'‘’]/g],
  ['commas', /,/g],
  ['full stops', /\./g],
  ['brackets', /[()[\]]/g],
  ['blanks', /_{2,}/g],
  ['question words', /\b(?:who|what|when|where|which|why|how)\b/gi],
  ['quantities', /\b(?:how many|how much|total|average|percent|sum|each|per)\b/gi],
  ['negations', /\b(?:not|never|no|none|except|false|incorrect)\b/gi],
  ['instructions', /\b(?:write|explain|describe|list|give|translate|summarize|answer|choose|solve|complete)\b/gi],
  ['conditions', /\b(?:if|then|suppose|given|assume|let)\b/gi],
  ['first person', /\b(?:i|my|me|we|our)\b/gi],
  ['non-Latin letters', /[^\p{Script=Latin}\p{N}\p{P}\p{S}\s]/gu],
];

export const traitNames: readonly string[] = [
  'length',
  'words',
  'mean word',
  'first word is a question',
  'ends with a question',
  ...patterns.map(([name]) => name),
];

const asksFirst = /^\W*(?:who|what|when|where|which|why|how|is|are|does|do|can|could|did)\b/i;
/** Of longer texts the head and the tail are looked at. */
const mostLetters = 6000;

export function traitsOf(text: string): Float32Array {
  const seen = text.length > mostLetters ? text.slice(0, mostLetters - 1000) + text.slice(-1000) : text;
  const words = seen.match(/\S+/g)?.length ?? 0;
  const traits = new Float32Array(traitNames.length);
  traits[0] = Math.log1p(text.length);
  traits[1] = Math.log1p(words);
  traits[2] = words === 0 ? 0 : Math.log1p(seen.length / words);
  traits[3] = asksFirst.test(seen) ? 1 : 0;
  traits[4] = /\?\s*$/.test(seen) ? 1 : 0;
  patterns.forEach(([, pattern], index) => {
    let count = 0;
    pattern.lastIndex = 0;
    while (pattern.exec(seen) !== null) count++;
    traits[5 + index] = Math.log1p(count);
  });
  return traits;
}
