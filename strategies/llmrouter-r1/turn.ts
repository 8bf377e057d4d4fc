/**
 * Reads one turn of a model that thinks, searches and answers by tags.
 *
 * The rule is strict: thoughts, then either searches in a row or one answer;
 * what stands behind them does not count. Real models keep it badly, so tags
 * may be in any case and the last one open, as a stop sequence leaves it.
 */

export type Turn =
  | {
      readonly kind: 'search';
      readonly searches: readonly string[] /** The turn as far as it counts. */;
      readonly said: string;
    }
  | { readonly kind: 'answer'; readonly answer: string }
  | { readonly kind: 'malformed'; readonly why: string };

const opening = /<\s*(search|answer)\s*>/gi;
const thinking = /<\s*think\s*>[\s\S]*?<\s*\/\s*think\s*>/gi;
const anyTag = /<\s*\/?\s*(?:think|search|information|answer)\s*>/gi;

const blanked = (text: string) => text.replace(thinking, (thought) => ' '.repeat(thought.length));

const closing = (tag: string) => new RegExp(`<\\s*/\\s*${tag}\\s*>`, 'i');

/** What a tag opens, to its end or to the next tag; and where that ends. */
function inside(text: string, from: number, tag: string): { readonly words: string; readonly end: number } {
  const rest = text.slice(from);
  const close = closing(tag).exec(rest);
  if (close) return { words: rest.slice(0, close.index).trim(), end: from + close.index + close[0].length };
  const next = rest.search(anyTag);
  const end = next < 0 ? rest.length : next;
  return { words: rest.slice(0, end).trim(), end: from + end };
}

export function readTurn(text: string): Turn {
  const visible = blanked(text);
  const first = [...visible.matchAll(opening)][0];
  if (first === undefined) return { kind: 'malformed', why: 'neither <search> nor <answer>' };
  const start = first.index + first[0].length;
  if (first[1]?.toLowerCase() === 'answer') {
    const { words } = inside(visible, start, 'answer');
    return words === '' ? { kind: 'malformed', why: 'an empty <answer>' } : { kind: 'answer', answer: words };
  }
  const searches: string[] = [];
  let end = first.index;
  const searching = /\s*<\s*search\s*>/iy;
  for (searching.lastIndex = end; searching.test(visible); searching.lastIndex = end) {
    const found = inside(visible, searching.lastIndex, 'search');
    if (found.words !== '') searches.push(found.words);
    end = found.end;
  }
  return searches.length === 0
    ? { kind: 'malformed', why: 'an empty <search>' }
    : { kind: 'search', searches, said: text.slice(0, end).trim() };
}
