/** Attacks by the kinds that came after strategies: stream guards, provider codecs, caches' key functions. */

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

/** What one part of a provider does in the stead of its work; `ask` is what calls it. `trap` stands for an address nobody granted. */
export interface BrokenCodec {
  readonly title: string;
  readonly part: 'request' | 'reply' | 'events';
  readonly does: string;
}

const sent = (title: string, upstream: string): BrokenCodec => ({
  title,
  part: 'request',
  does: `return { path: '/v2/converse', body: {}, ...${upstream} };`,
});
const answered = (title: string, reply: string): BrokenCodec => ({ title, part: 'reply', does: `return ${reply};` });
const streamed = (title: string, read: string): BrokenCodec => ({ title, part: 'events', does: read });
const ways = (part: BrokenCodec['part']): readonly BrokenCodec[] =>
  (
    [
      ['loops', 'for (;;) {}'],
      ['never answers', 'return new Promise(() => {});'],
      ['throws', "throw new Error('no');"],
      ['throws nothing', 'throw undefined;'],
      ['speaks for the kernel', "throw new RutterError('ERR_KERNEL_DRAINING', 'x', { status: 200 });"],
      ['speaks for a guard', "throw new RutterError('ERR_REQUEST_FORBIDDEN', 'x');"],
      ['eats memory', 'const m = new Map(); for (let i = 0; ; i++) m.set(i, [i]);'],
      ['answers nothing', 'return undefined;'],
      ['answers a function', 'return () => 1;'],
      ['answers a circle', 'const a = {}; a.a = a; return a;'],
      ['answers without end', "return { path: '/x', text: 'x'.repeat(3e6), end: 'stop' };"],
    ] as const
  ).map(([title, does]) => ({ title: `${part} ${title}`, part, does }));

export const brokenCodecs: readonly BrokenCodec[] = [
  ...ways('request'),
  ...ways('reply'),
  ...ways('events'),
  sent('goes to another address', "{ path: 'TRAP/v2/converse' }"),
  sent('goes to another host by user info', "{ path: '@TRAPHOST/v2/converse' }"),
  sent('goes to another host by two slashes', "{ path: '//TRAPHOST/v2/converse' }"),
  sent('goes to another host by a backslash', "{ path: '/\\\\TRAPHOST/v2' }"),
  sent('goes to another host by a suffix', "{ path: '.example' }"),
  sent('goes to another port', "{ path: ':TRAPPORT/v2/converse' }"),
  sent('climbs out of its path', "{ path: '/v2/../../admin' }"),
  sent('climbs out in hexadecimal', "{ path: '/v2/%2e%2E/admin' }"),
  sent('hides behind a fragment', "{ path: '/v2#/converse' }"),
  sent('breaks a line in the path', "{ path: '/v2\\r\\nx: y' }"),
  sent('names another host', "{ headers: { host: 'TRAPHOST' } }"),
  sent('names another host in capitals', "{ headers: { HOST: 'TRAPHOST' } }"),
  sent('smuggles a request', "{ headers: { 'transfer-encoding': 'chunked' } }"),
  sent('lies about its length', "{ headers: { 'content-length': '0' } }"),
  sent('breaks a line in a header', "{ headers: { 'x-a': 'b\\r\\nx-c: d' } }"),
  sent('sends a credential', "{ headers: { authorization: 'Bearer forged' } }"),
  sent('sends a cookie', "{ headers: { cookie: 'a=b' } }"),
  sent('goes through a proxy', "{ headers: { 'proxy-authorization': 'a' } }"),
  sent('uses a method of its own', "{ method: 'CONNECT' }"),
  sent('asks by numbers', '{ query: { a: 7 } }'),
  answered('gives a text that is none', "{ text: 7, end: 'stop' }"),
  answered('gives an end that is none', "{ text: 'forged', end: 'maybe' }"),
  answered('gives tokens below nothing', "{ text: 'forged', end: 'stop', usage: { input: -1e9, output: 0 } }"),
  answered('gives tokens that are no number', "{ text: 'forged', end: 'stop', usage: { input: NaN, output: 0 } }"),
  answered('gives endless tokens', "{ text: 'forged', end: 'stop', usage: { input: Infinity, output: 0 } }"),
  answered('gives calls that are none', "{ text: 'forged', end: 'stop', toolCalls: [{ id: 1 }] }"),
  answered('sets a trap by toJSON', "{ text: 'forged', toJSON() { throw new Error('no'); } }"),
  answered('sets a trap by a getter', "{ end: 'stop', get text() { for (;;) {} } }"),
  answered('sets a prototype', 'JSON.parse(\'{"__proto__": {"text": "forged", "end": "stop"}}\')'),
  streamed('gives no reader', 'return undefined;'),
  streamed('reads into no list', "return () => 'forged';"),
  streamed('reads events that are none', "return () => [{ type: 'forged', text: 'forged' }];"),
  streamed('reads text that is none', "return () => [{ type: 'text-delta', text: ['forged'] }];"),
  streamed('counts below nothing', "return () => [{ type: 'usage', input: -5, output: 0 }];"),
  streamed('loops in a frame', 'return () => { for (;;) {} };'),
  streamed('throws in a frame', "return () => { throw new Error('no'); };"),
  streamed('promises a frame', 'return () => new Promise(() => {});'),
  streamed('never ends', 'return () => [];'),
];

/** Bodies of `key(context, call, digest)`, by title; all of them fall. */
export const brokenKeys: readonly (readonly [string, string])[] = [
  ['throws', "throw new Error('no');"],
  ['throws nothing', 'throw undefined;'],
  ['speaks for a guard', "throw new RutterError('ERR_REQUEST_FORBIDDEN', 'Not that.', { status: 403 });"],
  ['speaks for the kernel', "throw new RutterError('ERR_KERNEL_DRAINING', 'x', { status: 200 });"],
  ['loops', 'for (;;) {}'],
  ['never answers', 'return new Promise(() => {});'],
  ['waits for ever', 'return { then() {} };'],
  ['eats memory', 'const m = new Map(); for (let i = 0; ; i++) m.set(i, [i]);'],
  ['answers without end', "return 'x'.repeat(3e6);"],
  ['answers a little too much', "return 'x'.repeat(1048577);"],
  ['gives nothing for a key', "return '';"],
  ['gives a number', 'return 7;'],
  ['gives null', 'return null;'],
  ['gives a list', "return ['key'];"],
  ['gives an object', "return { key: 'key' };"],
  ['gives a text that is an object', "return new String('key');"],
  ['gives a reply', "return { operation: 'chat', reply: { text: 'forged', end: 'stop' } };"],
  ['gives a getter', "return { get length() { for (;;) {} }, toString: () => 'key' };"],
  ['gives what turns itself into another', "return { toJSON: () => ({ text: 'forged' }) };"],
  ['sets a prototype', 'return JSON.parse(\'{"__proto__": {"length": 3}}\');'],
  ['gives a circle', 'const a = {}; a.a = a; return a;'],
  ['gives a trap', "return new Proxy({}, { get() { throw new Error('no'); }, ownKeys() { for (;;) {} } });"],
  [
    'turns every text into its own',
    'String.prototype.startsWith = () => true; JSON.stringify = () => \'{"value":{"key":7}}\'; return 7;',
  ],
];
