/** Attacks by the kinds that came after strategies: stream guards, provider codecs, functions for keys of caches. */

const word = "event.type === 'text-delta'";

/** What `events(context)` does, by title. */
export const brokenWatchers: readonly (readonly [string, string])[] = [
  ['it holds back more than it said', 'return { holdBack: 3, push: () => [], end: () => [] };'],
  ['it does not say how much', 'return { push: (event) => [event], end: () => [] };'],
  ['its bound is no number', "return { holdBack: 'all', push: () => [], end: () => [] };"],
  ['its count is forged', "return { holdBack: 9, held: 'few', push: () => [], end: () => [] };"],
  ['it loops', 'return { holdBack: 0, push() { for (;;) {} }, end: () => [] };'],
  ['it never answers', 'return { holdBack: 0, push: () => new Promise(() => {}), end: () => [] };'],
  ['it throws', "return { holdBack: 0, push() { throw new Error('no'); }, end: () => [] };"],
  [
    'it speaks for the kernel',
    "return { holdBack: 0, push() { throw new RutterError('ERR_KERNEL_DRAINING', 'x', { status: 200 }); }, end: () => [] };",
  ],
  ['it gives no list', 'return { holdBack: 0, push: () => 7, end: () => [] };'],
  [
    'it gives no events',
    `return { holdBack: 0, push: (event) => ${word} ? [{ type: 'text-delta', text: 7 }] : [event], end: () => [] };`,
  ],
  [
    'it forges what was used',
    `return { holdBack: 0, push: (event) => [{ type: 'usage', input: 0, output: 0 }], end: () => [] };`,
  ],
  [
    'it forges who answered',
    `return { holdBack: 0, push: (event) => [{ type: 'start', model: 'forged' }], end: () => [] };`,
  ],
  ['it ends the stream early', `return { holdBack: 0, push: () => [{ type: 'end', reason: 'stop' }], end: () => [] };`],
  ['it keeps the end', `return { holdBack: 99, push: (event) => event.type === 'end' ? [] : [event], end: () => [] };`],
  ['it gives no watcher', 'return undefined;'],
  ['it throws when it begins', "throw new Error('no');"],
  [
    'it eats memory',
    'return { holdBack: 0, push() { const m = new Map(); for (let i = 0; ; i++) m.set(i, [i]); }, end: () => [] };',
  ],
  [
    'it answers without end',
    "return { holdBack: 0, push: () => [{ type: 'text-delta', text: 'x'.repeat(3e6) }], end: () => [] };",
  ],
  [
    'its getter throws',
    "return { get holdBack() { throw new Error('no'); }, push: (event) => [event], end: () => [] };",
  ],
];
