/**
 * What every guard must hold to: it refuses only by a RutterError that says
 * so to the caller, amends by returning rather than by changing, tells nobody
 * a credential, and judges a stream the same however it is cut.
 */

import type { ChatEvent } from '../contract/chat.ts';
import { RutterError } from '../contract/errors.ts';
import type { Guard, StreamGuard } from '../contract/kinds.ts';
import type { Candidate, Principal } from '../contract/request.ts';
import { checkCharging, expectReservation } from './check-charging.ts';
import { call, credential, requestContext } from './fixtures.ts';
import type { FakeHost } from './host.ts';
import {
  expect,
  expectEqual,
  type Report,
  runSuite,
  type Subject,
  type Suite,
  type SuiteOptions,
  show,
} from './report.ts';
import { demandingRequests, plainRequests, replies } from './requests.ts';
import { generatedCandidates } from './scenarios.ts';

export interface GuardOptions extends SuiteOptions {
  /** Credentials that the guard, so configured, knows. */
  readonly accepts?: readonly string[];
  /** Texts for the stream check beside harmless ones: ones that the guard amends or stops. */
  readonly texts?: readonly string[];
}

type Bench = Suite<'guard'>;

/** Checks a guard's definition, or instances that a function makes. */
export function checkGuard(subject: Subject<'guard'>, options: GuardOptions = {}): Promise<Report> {
  return runSuite('guard', { subject, options }, async (suite) => {
    await checkTaps(suite);
    await checkIdentify(suite, options.accepts ?? []);
    await checkRequests(suite);
    await checkFilter(suite);
    await checkReserve(suite);
    await checkCharging(suite);
    await checkReplies(suite);
    await checkStreams(suite, options.texts ?? []);
  });
}

const taps = ['identify', 'authorise', 'filter', 'checkRequest', 'reserve', 'charge', 'checkReply', 'events'] as const;

async function checkTaps(suite: Bench): Promise<void> {
  await suite.check('guards something', async () => {
    const { instance } = await suite.start();
    expect(
      taps.some((tap) => typeof instance[tap] === 'function'),
      () => `it has none of ${taps.join(', ')}`,
    );
    const modes = [undefined, 'before', 'beside', 'after'];
    expect(modes.includes(instance.mode), () => `mode is ${show(instance.mode)}, expected before, beside or after`);
  });
}

/** What `run` gives; a refusal is fine as long as it is one the caller can understand. */
async function judged<T>(run: () => T | Promise<T>, what: string): Promise<T | RutterError> {
  try {
    return await run();
  } catch (error) {
    expect(RutterError.is(error), () => `${what} threw ${error}, expected a RutterError`);
    expect(
      error.status >= 400 && error.status < 500 && error.expose,
      () => `${what} was refused with ${error.code} and status ${error.status}, which does not tell the caller so`,
    );
    expect(error.message.length > 0, () => `${what} was refused without a message`);
    return error;
  }
}

const strangers = [
  'sk-stranger',
  '',
  ' ',
  'sk-',
  '🧭',
  'x'.repeat(100_000),
  '__proto__',
  "' OR 1=1 --",
  '\r\nx-admin: 1',
  '0'.repeat(64),
];
const httpRequest = { method: 'POST', path: '/v1/chat/completions', headers: {} };

async function checkIdentify(suite: Bench, accepts: readonly string[]): Promise<void> {
  const { host, instance } = await suite.start();
  if (instance.identify === undefined) return;
  const identify = (text: string | undefined) =>
    judged(() => instance.identify?.(text === undefined ? undefined : credential(text), httpRequest), 'a credential');

  await suite.check('identifies or refuses whoever comes, with or without a credential', async () => {
    for (const text of [undefined, ...strangers]) expectPrincipal(await identify(text), text ?? '');
  });
  await suite.check('admits no stranger as an administrator', async () => {
    for (const text of [undefined, ...strangers, ...accepts.flatMap(almost)]) {
      const found = await identify(text);
      expect(
        RutterError.is(found) || found?.kind !== 'admin',
        () => `${text === undefined ? 'nobody' : 'a stranger'} became ${show(found)}`,
      );
    }
  });
  await suite.check('knows a caller again', async () => {
    for (const text of accepts) {
      const [first, second] = [await identify(text), await identify(text)];
      expect(first !== undefined && !RutterError.is(first), () => `a credential it should accept gave ${show(first)}`);
      expectEqual(second, first, 'the principal the second time');
    }
  });
  await suite.check('tells nobody a credential', async () => {
    for (const text of [...accepts, ...strangers.filter((stranger) => stranger.length > 8)]) {
      const found = await identify(text);
      const told = RutterError.is(found) ? wordsOf(found) : show(found);
      expect(!told.includes(text), () => 'a credential stands in the principal or the error');
      expectUnlogged(host, text);
    }
  });
}

const almost = (text: string) => [
  `${text} `,
  text.slice(0, -1),
  text.toUpperCase() === text ? `x${text}` : text.toUpperCase(),
  `${text}\u0000`,
];

const wordsOf = (error: RutterError) =>
  [
    error.message,
    error.stack,
    JSON.stringify(error.vendor),
    JSON.stringify(error.headers),
    error.param,
    String(error.cause),
  ].join('\n');

function expectUnlogged({ logged }: FakeHost, text: string): void {
  expect(!logged.some((line) => JSON.stringify(line).includes(text)), () => 'a credential stands in the log');
}

function expectPrincipal(found: Principal | RutterError | undefined, text: string): void {
  if (found === undefined || RutterError.is(found)) return;
  expect(typeof found.id === 'string' && found.id.length > 0, () => `the principal's id is ${show(found.id)}`);
  expect(text === '' || found.id !== text, () => "the principal's id is the credential itself");
  expect(['admin', 'key', 'anonymous'].includes(found.kind), () => `the principal's kind is ${show(found.kind)}`);
  expect(Array.isArray(found.permissions), () => `the principal's permissions are ${show(found.permissions)}`);
}

async function checkRequests(suite: Bench): Promise<void> {
  const { instance } = await suite.start();
  const samples = () => [...plainRequests(), ...demandingRequests()];
  if (instance.authorise) {
    await suite.check('authorises or refuses every request', async () => {
      for (const { name, value } of samples())
        await judged(() => instance.authorise?.(requestContext(), call(value), ['group']), name);
      await judged(() => instance.authorise?.(requestContext({ group: '' }), call(), []), 'a request without a group');
    });
  }
  if (instance.checkRequest === undefined) return;
  await suite.check('lets every request pass, amends, answers or refuses it', async () => {
    for (const { name, value } of samples()) {
      const verdict = await judged(() => instance.checkRequest?.(requestContext(), call(value)), name);
      if (verdict === undefined || RutterError.is(verdict)) continue;
      const known = ['change', 'reply'].filter((key) => typeof (verdict as Record<string, unknown>)[key] === 'object');
      expect(known.length === 1, () => `${name} gave ${show(verdict)}, expected nothing, { change } or { reply }`);
    }
  });
  await suite.check('leaves the request it reads as it is', async () => {
    const [before, after] = [samples(), samples()];
    for (const { name, value } of after)
      await judged(() => instance.checkRequest?.(requestContext(), call(value)), name);
    expectEqual(after, before, 'the requests afterwards');
  });
}

async function checkFilter(suite: Bench): Promise<void> {
  const { instance } = await suite.start();
  if (instance.filter === undefined) return;
  await suite.check('keeps candidates it was given, in their order, and changes none', async () => {
    const sets: Candidate[][] = [[], ...Array.from({ length: 40 }, (_, seed) => generatedCandidates(seed))];
    for (const [index, candidates] of sets.entries()) {
      const kept = await judged(
        () => instance.filter?.(requestContext(), candidates),
        `${candidates.length} candidates`,
      );
      if (RutterError.is(kept)) continue;
      expect(Array.isArray(kept), () => `filter returned ${show(kept)}, expected an array`);
      const places = (kept as Candidate[]).map((entry) => candidates.indexOf(entry));
      expect(!places.includes(-1), () => 'it kept a candidate it was not given');
      expect(
        places.every((place, at) => at === 0 || place > (places[at - 1] ?? -1)),
        () => `it changed the order to ${places.join(', ')}`,
      );
      expectEqual(candidates, index === 0 ? [] : generatedCandidates(index - 1), 'the list it was given');
    }
  });
}

async function checkReserve(suite: Bench): Promise<void> {
  const { instance } = await suite.start();
  const { reserve } = instance;
  if (reserve === undefined) return;
  const ask = () => reserve.call(instance, requestContext(), call({ maxOutputTokens: 50 }), generatedCandidates(2));

  await suite.check('asks for reservations that can be charged', async () => {
    for (const { value } of [...plainRequests(), ...demandingRequests()]) {
      const asked = await judged(
        () => reserve.call(instance, requestContext(), call(value), generatedCandidates(1)),
        'a request',
      );
      if (!RutterError.is(asked)) for (const each of asked) expectReservation(each);
    }
  });
  await suite.check('asks for the same keys when the same request comes again', async () => {
    const keys = async () => {
      const asked = await judged(ask, 'a request');
      return RutterError.is(asked) ? asked.code : asked.map(({ key }) => key);
    };
    expectEqual(await keys(), await keys(), 'the keys');
  });
}

async function checkReplies(suite: Bench): Promise<void> {
  const { instance } = await suite.start();
  if (instance.checkReply === undefined) return;
  await suite.check('lets every reply pass, amends or refuses it, and changes none', async () => {
    for (const [index, { name, value }] of replies().entries()) {
      const amended = await judged(() => instance.checkReply?.(requestContext(), value), name);
      expectEqual(value, replies()[index]?.value, `${name} afterwards`);
      if (amended === undefined || RutterError.is(amended)) continue;
      expect(
        typeof amended.text === 'string' && typeof amended.end === 'string',
        () => `${name} became ${show(amended)}, expected a whole reply`,
      );
    }
  });
}

const harmless = ['The sky is blue because blue light scatters most.', '', 'naïve 🧭 日本', 'a'];

async function checkStreams(suite: Bench, texts: readonly string[]): Promise<void> {
  const { instance } = await suite.start();
  if (instance.events === undefined) return;
  const watch = () => (instance as Required<Pick<Guard, 'events'>>).events(requestContext());

  await suite.check('says how much of a stream it holds back', () => {
    const { holdBack } = watch();
    expect(
      Number.isInteger(holdBack) && holdBack >= 0,
      () => `holdBack is ${show(holdBack)}, expected a whole number from 0 up`,
    );
  });
  await suite.check('judges a stream the same however it is cut', () => {
    for (const text of [...harmless, ...texts]) {
      const whole = play(watch(), [text]);
      for (const size of [1, 2, 3, 7, 16])
        expectEqual(
          play(watch(), pieces(text, size)),
          whole,
          `what came of ${show(text)} cut every ${size} characters`,
        );
    }
  });
  await suite.check('passes on every event that is no text', () => {
    const events: ChatEvent[] = [
      { type: 'start', id: 'reply-1' },
      { type: 'tool-call', index: 0, id: 'call_a', name: 'get_weather' },
      { type: 'tool-call-delta', index: 0, arguments: '' },
      { type: 'end', reason: 'tool-calls' },
      { type: 'usage', input: 1, output: 1 },
    ];
    const guard = watch();
    const out = [...events.flatMap((event) => [...guard.push(event)]), ...guard.end()];
    expectEqual(
      out.map(({ type }) => type),
      events.map(({ type }) => type),
      'the kinds of events that came out',
    );
  });
  await suite.check('keeps two streams apart', () => {
    const [first, second] = [watch(), watch()];
    const out = { first: '', second: '' };
    for (const letter of 'abc') {
      out.first += textOf(first.push({ type: 'text-delta', text: letter }));
      out.second += textOf(second.push({ type: 'text-delta', text: letter.toUpperCase() }));
    }
    out.first += textOf(first.end());
    out.second += textOf(second.end());
    expectEqual(out, { first: play(watch(), ['abc']), second: play(watch(), ['ABC']) }, 'what came out');
  });
}

/** Cut between characters, as vendors do, never inside one. */
function pieces(text: string, size: number): string[] {
  const characters = Array.from(text);
  const starts = Array.from({ length: Math.ceil(characters.length / size) }, (_, index) => index * size);
  return starts.map((start) => characters.slice(start, start + size).join(''));
}

const textOf = (events: readonly ChatEvent[]) =>
  events.map((event) => (event.type === 'text-delta' ? event.text : '')).join('');

/** The text that came out, or the code of the error that stopped it. */
function play(guard: StreamGuard, texts: readonly string[]): string {
  // A guard may shorten what it amends: only of harmless text is it known how much must have come out.
  const isHarmless = harmless.includes(texts.join(''));
  let out = '';
  let sent = 0;
  try {
    for (const text of texts) {
      out += textOf(guard.push({ type: 'text-delta', text }));
      sent += text.length;
      const heldBack = sent - out.length;
      expect(
        !isHarmless || heldBack <= guard.holdBack,
        () => `it holds back ${heldBack} characters, and said ${guard.holdBack}`,
      );
    }
    return out + textOf(guard.end());
  } catch (error) {
    if (RutterError.is(error)) return error.code;
    throw error;
  }
}
