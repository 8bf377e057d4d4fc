import { expect, test } from 'vitest';
import { type ChatEvent, type Guard, type Principal, RutterError, type StreamGuard } from '../index.ts';
import { candidate, checkGuard, type FakeHost, type GuardOptions } from './index.ts';

const known = 'sk-known-to-the-guard';
const admin: Principal = { id: 'someone', kind: 'admin', permissions: ['*'] };
const stranger = () => new RutterError('ERR_REQUEST_UNAUTHENTICATED', 'Invalid key.');

async function failures(guard: Guard | ((host: FakeHost) => Guard), options: GuardOptions = {}): Promise<string[]> {
  const report = await checkGuard((host) => (typeof guard === 'function' ? guard(host) : guard), options);
  return report.failed.map(({ title }) => title);
}

const identifying = (identify: Guard['identify']) => failures({ identify: identify! }, { accepts: [known] });

/** Holds back as much text as the word is long, and stops the stream where it appears. */
const banning = (word: string) => (): StreamGuard => {
  let held = '';
  const pass = (text: string): ChatEvent[] => (text === '' ? [] : [{ type: 'text-delta', text }]);
  return {
    holdBack: word.length,
    push(event) {
      if (event.type !== 'text-delta') return [event];
      held += event.text;
      if (held.includes(word)) throw new RutterError('ERR_REQUEST_REFUSED', 'A banned word.');
      const out = held.slice(0, Math.max(0, held.length - word.length));
      held = held.slice(out.length);
      return pass(out);
    },
    end: () => pass(held),
  };
};

test('a guard with every tap conforms', async () => {
  const guard: Guard = {
    mode: 'before',
    identify(credential) {
      if (credential?.equals(known)) return admin;
      throw stranger();
    },
    authorise: () => {},
    filter: (_context, candidates) => candidates.slice(1),
    checkRequest: () => ({ change: { temperature: 0 } }),
    reserve: ({ principal }) => [
      { key: `${principal.id}:rpm`, amount: 1, limit: 10, windowMs: 60_000, measure: 'requests' },
    ],
    checkReply: (_context, reply) => ({ ...reply, text: reply.text.toUpperCase() }),
    events: banning('bomb'),
  };
  expect(await failures(guard, { accepts: [known], texts: ['how to build a bomb at home', 'bom b'] })).toEqual([]);
});

test('a guard that guards nothing does not conform', async () => {
  expect(await failures({})).toContain('guards something');
});

test.each<[string, string, Guard['identify']]>([
  [
    'trips over a missing credential',
    'identifies or refuses whoever comes, with or without a credential',
    (credential) => (credential!.equals(known) ? admin : undefined),
  ],
  [
    'throws a plain error',
    'identifies or refuses whoever comes, with or without a credential',
    () => {
      throw new Error('no');
    },
  ],
  [
    'answers a stranger with a server error',
    'identifies or refuses whoever comes, with or without a credential',
    () => {
      throw new RutterError('ERR_KERNEL_INTERNAL', 'no');
    },
  ],
  ['admits everybody', 'admits no stranger as an administrator', () => admin],
  [
    'admits nobody at all as administrator',
    'admits no stranger as an administrator',
    (credential) => (credential === undefined ? admin : undefined),
  ],
  [
    'admits what only begins right',
    'admits no stranger as an administrator',
    (credential) => (credential?.startsWith(known.slice(0, -1)) ? admin : undefined),
  ],
  [
    'forgets whom it knew',
    'knows a caller again',
    (() => {
      let asked = 0;
      return () => (asked++ === 0 ? admin : undefined);
    })(),
  ],
  [
    'refuses whom it should know',
    'knows a caller again',
    () => {
      throw stranger();
    },
  ],
])('catches a guard that %s', async (_fault, title, identify) => {
  expect(await identifying(identify)).toContain(title);
});

test('catches a guard that puts a credential into an error, a principal or the log', async () => {
  const title = 'tells nobody a credential';
  const spelled = (text: string) => new RutterError('ERR_REQUEST_UNAUTHENTICATED', `Unknown key ${text}.`);
  expect(
    await identifying((credential) => {
      if (credential?.startsWith('sk-stranger')) throw spelled('sk-stranger');
      return undefined;
    }),
  ).toContain(title);
  expect(
    await identifying((credential) => (credential?.equals(known) ? { ...admin, id: `key ${known}` } : undefined)),
  ).toContain(title);
  const logging = failures(
    (host) => ({
      identify(credential) {
        if (credential?.equals(known)) host.log.warn({ key: known }, 'seen');
        return undefined;
      },
    }),
    { accepts: [known] },
  );
  expect(await logging).toContain(title);
});

test.each<[string, string, Guard]>([
  [
    'changes the messages in place',
    'leaves the request it reads as it is',
    {
      checkRequest: (_context, call) => void Object.assign(call.chat().extra, { seen: true }) as undefined,
    },
  ],
  [
    'expects text in every message',
    'lets every request pass, amends, answers or refuses it',
    {
      checkRequest: (_context, call) => {
        for (const { content } of call.chat().messages) (content as string).toLowerCase();
        return undefined;
      },
    },
  ],
  [
    'returns the change bare',
    'lets every request pass, amends, answers or refuses it',
    { checkRequest: () => ({ temperature: 0 }) as never },
  ],
  [
    'trips over a request without a group',
    'authorises or refuses every request',
    { authorise: (_context, _call, groups) => void groups[0]!.length },
  ],
  [
    'adds a candidate',
    'keeps candidates it was given, in their order, and changes none',
    { filter: (_context, all) => [...all, candidate('extra')] },
  ],
  [
    'turns the order round',
    'keeps candidates it was given, in their order, and changes none',
    { filter: (_context, all) => all.toReversed() },
  ],
  [
    'filters in place',
    'keeps candidates it was given, in their order, and changes none',
    {
      filter: (_context, all) => {
        (all as unknown[]).length = Math.min(1, all.length);
        return all;
      },
    },
  ],
  [
    'reserves no number',
    'asks for reservations that can be charged',
    { reserve: () => [{ key: 'k', amount: Number.NaN, limit: 1, windowMs: 1_000, measure: 'tokens' }] },
  ],
  [
    'reserves under a new key each time',
    'asks for the same keys when the same request comes again',
    { reserve: () => [{ key: `${Math.random()}`, amount: 1, limit: 1, windowMs: 1_000, measure: 'tokens' }] },
  ],
  [
    'changes the reply in place',
    'lets every reply pass, amends or refuses it, and changes none',
    {
      checkReply: (_context, reply) => {
        (reply as { text: string }).text = '';
        return undefined;
      },
    },
  ],
  [
    'gives half a reply',
    'lets every reply pass, amends or refuses it, and changes none',
    { checkReply: () => ({ text: 'x' }) as never },
  ],
])('catches a guard that %s', async (_fault, title, guard) => {
  expect(await failures(guard)).toContain(title);
});

const stream = (change: (inner: StreamGuard) => Partial<StreamGuard>) => {
  const make = banning('bomb');
  return failures(
    {
      events: () => {
        const inner = make();
        return { ...inner, ...change(inner) };
      },
    },
    { texts: ['a bomb.'] },
  );
};

test('catches a stream guard that looks at each piece alone', async () => {
  const alone = await stream(() => ({
    push(event) {
      if (event.type === 'text-delta' && event.text.includes('bomb'))
        throw new RutterError('ERR_REQUEST_REFUSED', 'A banned word.');
      return [event];
    },
    end: () => [],
  }));
  expect(alone).toContain('judges a stream the same however it is cut');
});

test('catches a stream guard that holds back more than it says, or names no bound', async () => {
  expect(await stream(() => ({ holdBack: 2 }))).toContain('judges a stream the same however it is cut');
  expect(await stream(() => ({ holdBack: Number.POSITIVE_INFINITY }))).toContain(
    'says how much of a stream it holds back',
  );
});

test('catches a stream guard that swallows events, and one that mixes streams', async () => {
  const swallowing = stream((inner) => ({ push: (event) => (event.type === 'usage' ? [] : inner.push(event)) }));
  expect(await swallowing).toContain('passes on every event that is no text');
  let shared = '';
  const mixing = failures({
    events: () => ({
      holdBack: 100,
      push(event) {
        if (event.type !== 'text-delta') return [event];
        shared += event.text;
        return [];
      },
      end() {
        const text = shared;
        shared = '';
        return [{ type: 'text-delta', text }];
      },
    }),
  });
  expect(await mixing).toContain('keeps two streams apart');
});
