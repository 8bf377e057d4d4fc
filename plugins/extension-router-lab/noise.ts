/** Questions as others would have put them: with slips of the keyboard, or in other words. */
import { createRandom, type Random } from '@rutter/plugin-sdk/numerics';

/** Share of the words with a slip. */
const slipShare = 0.08;

function slip(word: string, random: Random): string {
  const at = 1 + Math.floor(random() * (word.length - 2));
  const [before, here, next, after] = [
    word.slice(0, at),
    word[at] as string,
    word[at + 1] as string,
    word.slice(at + 2),
  ];
  const kinds = [
    `${before}${next}${here}${after}`,
    `${before}${next}${after}`,
    `${before}${here}${here}${next}${after}`,
    `${before}${String.fromCharCode(97 + Math.floor(random() * 26))}${next}${after}`,
  ];
  return kinds[Math.floor(random() * kinds.length)] as string;
}

/** Letters swapped, left out, doubled or mistaken within some of the longer words; the same seed makes the same slips. */
export function withTypos(text: string, seed: number): string {
  const random = createRandom(seed);
  return text.replace(/[A-Za-z]{4,}/g, (word) => (random() < slipShare ? slip(word, random) : word));
}

const openings = [
  '',
  'Please help me with this: ',
  'I have a question. ',
  'Hello! ',
  'Could you tell me the following? ',
];
const closings = ['', ' Thanks.', ' Thank you in advance!', ' I am not sure about this.'];
/** Either way round means much the same. */
const synonyms: readonly (readonly [string, string])[] = [
  ...([
    ['big', 'large'],
    ['small', 'little'],
    ['begin', 'start'],
    ['end', 'finish'],
    ['quick', 'fast'],
  ] as const),
  ...([
    ['find', 'determine'],
    ['calculate', 'compute'],
    ['explain', 'clarify'],
    ['show', 'demonstrate'],
  ] as const),
  ...([
    ['buy', 'purchase'],
    ['need', 'require'],
    ['help', 'assist'],
    ['choose', 'select'],
    ['answer', 'reply'],
  ] as const),
  ...([
    ['correct', 'right'],
    ['wrong', 'incorrect'],
    ['many', 'numerous'],
    ['often', 'frequently'],
  ] as const),
  ...([
    ['important', 'significant'],
    ['however', 'nevertheless'],
    ['because', 'since'],
    ['also', 'additionally'],
  ] as const),
  ...([
    ['do not', "don't"],
    ['cannot', "can't"],
    ['is not', "isn't"],
    ['it is', "it's"],
    ['what is', "what's"],
  ] as const),
];
const others = new Map(
  synonyms.flatMap(
    ([one, other]) =>
      [
        [one, other],
        [other, one],
      ] as const,
  ),
);
const known = new RegExp(`\\b(?:${[...others.keys()].sort((a, b) => b.length - a.length).join('|')})\\b`, 'gi');

/** Some words by others that mean the same, with an opening and a closing; the same seed says it the same way. */
export function inOtherWords(text: string, seed: number): string {
  const random = createRandom(seed);
  const pick = (from: readonly string[]) => from[Math.floor(random() * from.length)] as string;
  const said = text.replace(known, (word) => (random() < 0.5 ? (others.get(word.toLowerCase()) as string) : word));
  return `${pick(openings)}${said}${pick(closings)}`;
}
