/** Strategies that misbehave while they are asked: time, memory, forged answers, errors with traps. */
import type { Attack } from './hostile.ts';

const falls = (name: string, select: string, more: Partial<Attack> = {}): Attack => ({
  name,
  select,
  outcome: 'falls',
  ...more,
});
const decides = (name: string, before: string, more: Partial<Attack> = {}): Attack => ({
  name,
  select: `${before}\nreturn [...candidates].reverse();`,
  outcome: 'decides',
  ...more,
});
const prepares = (name: string, prepare: string, outcome: Attack['outcome'] = 'falls'): Attack => ({
  name,
  prepare,
  outcome,
});

export const burningTime: readonly Attack[] = [
  falls('loop', 'while (true) {}'),
  falls('loop-with-catch', 'for (;;) { try { for (;;) {} } catch {} finally { for (;;) {} } }'),
  falls('regex-nested', "return /^(a+)+$/.test('a'.repeat(60) + '!') ? candidates : [];"),
  falls('regex-alternatives', "return /^(a|a|aa)+$/.test('a'.repeat(80) + '!') ? candidates : [];"),
  falls('regex-lookahead', "return /^(?=(x+x+)+y)/.test('x'.repeat(60)) ? candidates : [];"),
  falls('regex-stars', "return /((a*)*)*b/.test('a'.repeat(40)) ? candidates : [5];"),
  falls('microtasks', 'const again = () => Promise.resolve().then(again); again(); return candidates;'),
  falls('async-loop', '(async () => { for (;;) await null; })(); return candidates;'),
  falls('comparator', 'return [...candidates].sort(() => { for (;;) {} });'),
  falls('generator', 'function* endless() { for (;;) yield 1; } for (const _ of endless()); return candidates;'),
  falls('getter-loop', 'return [{ get deployment() { for (;;) {} } }].map((one) => one.deployment);'),
  falls('proxy-loop', 'return new Proxy([], { get() { for (;;) {} } });'),
  falls('to-primitive', "return 'x' + { [Symbol.toPrimitive]() { for (;;) {} } };"),
  falls('big-integers', 'let n = 3n; for (;;) n = (n * n) % (2n ** 4000n) + 7n;'),
  falls('sort-typed', 'for (;;) new Float64Array(100000).map(Math.random).sort();'),
  falls('json-loop', "for (;;) JSON.parse('[' + '1,'.repeat(100000) + '1]');"),
  falls('eval-loop', "return eval('for (;;) {}');"),
  falls('function-loop', "return new Function('for (;;) {}')();"),
  falls('thenable', 'return { then() { for (;;) {} } };'),
  falls('finalizers', 'const r = new FinalizationRegistry(() => {}); for (;;) r.register({}, 1);'),
  prepares('prepare-loop', 'for (;;) {}'),
  prepares('prepare-never', 'await new Promise(() => {});'),
  prepares('prepare-sleeps', 'await host.clock.sleep(1e9);'),
  prepares(
    'prepare-wants-all',
    "await Promise.all(Array.from({ length: 5000 }, (_, i) => context.features.want('f' + i)));",
  ),
  prepares('prepare-wants-for-ever', "for (;;) await context.features.want('nothing-' + Math.random());"),
  prepares('prepare-rejects', 'await Promise.reject(new Error("no"));'),
  prepares('prepare-thenable', 'await { then() {} };'),
];

export const burningMemory: readonly Attack[] = [
  falls('map-growth', 'const m = new Map(); for (let i = 0; ; i++) m.set(i, [i]);'),
  falls('set-growth', "const s = new Set(); for (let i = 0; ; i++) s.add('x' + i);"),
  falls('array-growth', 'const a = []; for (;;) a.push({ a: 1 });'),
  falls('array-fill', 'return new Array(2 ** 27).fill(0);'),
  falls('array-fill-huge', 'return new Array(1e9).fill(0);'),
  falls('array-from', 'return Array.from({ length: 2 ** 30 });'),
  falls('array-spread', 'let a = [1]; for (;;) a = [...a, ...a];'),
  falls('string-doubling', "let s = 'x'; for (;;) { s += s; s.at(-1); }"),
  falls('string-repeat', "const a = []; for (let i = 0; ; i++) a.push((i + 'x').repeat(1e6) + i);"),
  falls('string-join', "return new Array(2 ** 28).join('ab');"),
  falls('buffer-one', 'return [new ArrayBuffer(2 ** 32)];'),
  falls('buffer-many', 'const a = []; for (;;) a.push(new Uint8Array(1e6).fill(1));'),
  falls('buffer-resizable', 'const b = new ArrayBuffer(1, { maxByteLength: 2 ** 31 }); b.resize(2 ** 31); return [b];'),
  falls('property-growth', "const o = {}; for (let i = 0; ; i++) o['k' + i] = i;"),
  falls('symbol-growth', 'const o = {}; for (let i = 0; ; i++) o[Symbol(i)] = i;'),
  falls('closure-growth', 'let f = () => 0; for (;;) { const g = f; f = () => g; }'),
  falls('promise-growth', 'const a = []; for (;;) a.push(new Promise(() => {}));'),
  falls('error-growth', 'Error.stackTraceLimit = 200; const a = []; for (;;) a.push(new Error(String(a.length)));'),
  falls('regex-growth', "const a = []; for (let i = 0; ; i++) a.push(new RegExp('a'.repeat(1000) + i));"),
  falls('big-integer-size', 'return [2n ** (2n ** 29n)];'),
  falls('weak-map-growth', 'const w = new WeakMap(); const k = []; for (;;) { const o = {}; k.push(o); w.set(o, k); }'),
  falls('global-growth', 'for (let i = 0; ; i++) globalThis["g" + i] = new Array(100).fill(i);'),
  falls('matches', "return [...'a'.repeat(1e7).matchAll(/a/g)].length > 0 ? 7 : 7;"),
  falls('stack', 'const f = (n) => f(n + 1) + 1; return f(0);'),
  falls('stack-of-getters', 'const o = { get x() { return this.x; } }; return o.x;'),
  falls('stack-of-proxies', 'let p = {}; for (let i = 0; i < 1e5; i++) p = new Proxy(p, {}); return [p.x];'),
  falls('stack-of-json', "return JSON.parse('['.repeat(1e6) + ']'.repeat(1e6));"),
];

export const forging: readonly Attack[] = [
  falls('copies', 'return candidates.map((one) => ({ ...one }));'),
  falls('inventions', "return [{ deployment: { id: 'mine', apiBase: 'http://127.0.0.1:1' }, live: {} }];"),
  falls('repetition', 'return [candidates[0], candidates[0]];'),
  falls('more-than-given', 'return [...candidates, ...candidates];'),
  falls('numbers', 'return [0, 1];'),
  falls('a-text', "return 'first';"),
  falls('a-number', 'return 1;'),
  falls('truth', 'return true;'),
  falls('a-function', 'return () => candidates;'),
  falls('deep-ties', 'return [[[candidates[0]]]];'),
  falls('mixed-ties', 'return [[candidates[0]], candidates[1]];'),
  falls('repeated-in-ties', 'return [[candidates[0]], [candidates[0], candidates[1]]];'),
  falls('an-array-likeness', 'return { map: () => [0, 0], length: 2 };'),
  falls('places-out-of-range', 'return { map: () => [17, -1] };'),
  falls('places-between', 'return { map: () => [0.5, 1] };'),
  falls('places-as-texts', "return { map: () => ['0', 'length'] };"),
  falls('places-inherited', "return { map: () => ['constructor', '__proto__'] };"),
  falls('places-not-numbers', 'return { map: () => [NaN, Infinity] };'),
  falls('a-promise', 'return Promise.resolve(candidates);'),
  falls('a-hole', 'const a = [...candidates]; delete a[0]; return a;'),
  falls(
    'last-requests-candidates',
    'globalThis.kept ??= candidates.map((one) => ({ ...one })); return globalThis.kept;',
  ),
  falls('index-of', 'Array.prototype.indexOf = () => 99; return candidates;'),
  falls('map-of-arrays', 'Array.prototype.map = () => [3, 4, 5]; return candidates;'),
  falls('stringify', `JSON.stringify = () => '{"value":{"ranking":[7,8]}}'; return candidates;`),
  falls('stringify-no-json', "JSON.stringify = () => 'nonsense'; return candidates;"),
  falls('stringify-nothing', 'JSON.stringify = () => undefined; return candidates;'),
  falls('stringify-an-object', 'JSON.stringify = () => ({ length: 1e9 }); return candidates;'),
  falls('stringify-proto', `JSON.stringify = () => '{"value":{"__proto__":{"ranking":[0]}}}'; return candidates;`),
  falls('stringify-deep', "JSON.stringify = () => '['.repeat(1e5) + ']'.repeat(1e5); return candidates;"),
  falls('stringify-huge', "JSON.stringify = () => '\"' + 'x'.repeat(5e6) + '\"'; return candidates;"),
  falls(
    'stringify-many',
    `JSON.stringify = () => '{"value":{"ranking":[' + '0,'.repeat(5e5) + '0]}}'; return candidates;`,
  ),
  falls('stringify-tags', `JSON.stringify = () => '{"value":{"ranking":{"$":"m","v":[[0,1]]}}}'; return candidates;`),
  falls('stringify-odd-tags', `JSON.stringify = () => '{"value":{"$":"k","v":0}}'; return candidates;`),
  falls(
    'stringify-tag-of-numbers',
    `JSON.stringify = () => '{"value":{"$":"n","v":"' + '9'.repeat(1e6) + '"}}'; return candidates;`,
  ),
  falls('huge-value', "return { map: () => 'x'.repeat(6e6) };"),
  falls('wide-value', 'return { map: () => Array.from({ length: 250000 }, (_, i) => i) };'),
  falls('circular', 'const a = []; a.push(a); return { map: () => a };'),
];

export const throwing: readonly Attack[] = [
  falls('throws', "throw new Error('no');"),
  falls('throws-null', 'throw null;'),
  falls('throws-undefined', 'throw undefined;'),
  falls('throws-symbol', 'throw Symbol("x");'),
  falls('throws-huge', "throw new Error('x'.repeat(1e7));"),
  falls(
    'throws-proxy',
    'throw new Proxy(new Error("x"), { get() { throw new Error("trap"); }, has() { throw 1; }, getPrototypeOf() { throw 2; } });',
  ),
  falls('throws-looping-message', 'throw { get message() { for (;;) {} } };'),
  falls('throws-throwing-message', 'throw { get message() { throw { get message() { throw 1; } }; } };'),
  falls('throws-looping-text', 'throw { message: { toString() { for (;;) {} } } };'),
  falls(
    'throws-growing-stack',
    'const e = new Error("x"); Object.defineProperty(e, "stack", { get() { return "s".repeat(2 ** 28); } }); throw e;',
  ),
  falls('throws-hijacked-trace', 'Error.prepareStackTrace = () => { for (;;) {} }; throw new Error("x");'),
  falls('throws-in-circles', 'const e = new Error("x"); e.cause = e; throw e;'),
  falls('throws-a-refusal', "throw new RutterError('ERR_REQUEST_UNAUTHENTICATED', 'go away');"),
  falls(
    'throws-a-kernel-error',
    "throw new RutterError('ERR_KERNEL_DRAINING', 'stopping', { headers: { 'set-cookie': 'a=b' } });",
  ),
  falls(
    'throws-a-forged-brand',
    "const e = { message: 'x', code: 'ERR_KERNEL_INTERNAL', status: 200 }; e[Symbol.for('rutter.error')] = true; throw e;",
  ),
  falls('throws-later', "Promise.reject(new Error('late')); throw new Error('now');"),
];

/** Harmless to everybody else, which is the point: the answer is right and counts. */
export const tampering: readonly Attack[] = [
  decides(
    'pollutes-object',
    'Object.prototype.trust = true; Object.prototype.polluted = "yes"; Object.prototype.status = 500;',
  ),
  decides('pollutes-array', 'Array.prototype.polluted = 1;'),
  decides('pollutes-function', 'Function.prototype.polluted = 1;'),
  decides(
    'pollutes-by-merge',
    'JSON.parse(\'{"__proto__":{"polluted":1}}\'); Object.assign({}.__proto__, { polluted: 1 });',
  ),
  falls('rejects-unheard', 'for (let i = 0; i < 200; i++) Promise.reject(new Error("unheard"));'),
  decides(
    'rewrites-candidates',
    'try { candidates[0].deployment.apiBase = "http://127.0.0.1:1"; } catch {} try { candidates[0].live.inFlight = 99; } catch {}',
  ),
  decides('freezes-globals', 'Object.freeze(Object.prototype); Object.freeze(globalThis.Math);'),
  falls(
    'breaks-promises',
    'Promise.prototype.then = () => { throw new Error("no"); }; Map.prototype.get = () => 0; return 5;',
  ),
  falls(
    'setter-on-arrays',
    'Object.defineProperty(Array.prototype, "0", { set() { for (;;) {} } }); const a = []; a[0] = 1; return a;',
  ),
];
