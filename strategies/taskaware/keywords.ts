/** Which task a text is and how complex, by its words alone. */
export const tasks = ['code', 'mathematics', 'writing', 'translation', 'reasoning', 'general'] as const;
export type Task = (typeof tasks)[number];

/** The first that fits; code before mathematics, since programs hold sums. */
const signs: readonly (readonly [Task, RegExp])[] = [
  ['code', /```|\b(?:code|function|python|javascript|typescript|java|sql|regex|compile|debug|stack trace|refactor)\b/i],
  ['translation', /\b(?:translate|translation)\b/i],
  [
    'mathematics',
    /\b(?:calculate|compute|solve|equation|integral|derivative|sum of|percent|probability)\b|\d\s*[+*/^=]\s*\d/i,
  ],
  ['writing', /\b(?:poem|story|essay|letter|email|blog|rewrite|summari[sz]e|slogan|lyrics)\b/i],
  ['reasoning', /\b(?:why|explain|compare|analy[sz]e|prove|argue|step by step|trade-?offs?)\b/i],
];

export const taskOf = (text: string): Task => signs.find(([, sign]) => sign.test(text))?.[0] ?? 'general';

const manyWords = 80;
const hard = /\b(?:step by step|prove|optimi[sz]e|design|architecture|in detail|complex|multiple|constraints?)\b/i;

/** Long texts and those that ask for much are complex. */
export const isComplex = (text: string): boolean =>
  hard.test(text) || (text.match(/\S+/g)?.length ?? 0) > manyWords || (text.match(/\?/g)?.length ?? 0) > 2;
