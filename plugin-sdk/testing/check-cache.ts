/**
 * What every cache must hold to: what is written is read back by the same
 * caller for the same request, and by nobody else for nothing else.
 */
import type { ChatRequest } from '../contract/chat.ts';
import type { Cache, Facets } from '../contract/kinds.ts';
import type { CacheableReply, Call, Principal, RequestContext } from '../contract/request.ts';
import { call, chatReply, embeddingsCall, principal, requestContext } from './fixtures.ts';
import type { FakeHost } from './host.ts';
import { checkedKey, keptReplies } from './kept-replies.ts';
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
import { demandingRequests, parameters, plainRequests, replies } from './requests.ts';

export interface CacheOptions extends SuiteOptions {
  /** False for a cache that also answers requests like the one written; only questions quite unlike it have to miss then. */
  readonly exact?: boolean;
  /** Facts of the request beside the principal: features that a semantic cache wants. */
  readonly context?: Partial<RequestContext>;
  /** How long the configuration keeps an entry; the check is left out when absent. */
  readonly ttlMs?: number;
  /** How many entries the configuration keeps; the check is left out when absent. */
  readonly maxEntries?: number;
  /** Lets time pass for the cache; moves the host's clock when absent. */
  readonly advance?: (ms: number) => Promise<void>;
}

interface Bench {
  readonly suite: Suite<'cache'>;
  readonly options: CacheOptions;
  /** A cache, and a caller nobody was before: a real server keeps what the last run left behind. */
  open(): Promise<{
    readonly cache: Cache & Facets;
    readonly host: FakeHost;
    as(who?: string, change?: Partial<Principal>): RequestContext;
  }>;
}

/**
 * Checks a cache's definition, or instances that a function makes. For one that only makes keys, replies are kept as the
 * gateway keeps them.
 */
export function checkCache(subject: Subject<'cache'>, options: CacheOptions = {}): Promise<Report> {
  return runSuite('cache', { subject, options }, async (suite) => {
    const run = Math.random().toString(36).slice(2);
    let checks = 0;
    const bench: Bench = {
      suite,
      options,
      async open() {
        const { instance, host } = await suite.start();
        const cache = instance.key === undefined ? instance : keptReplies(instance, host);
        const prefix = `${run}-${++checks}`;
        const as = (who = 'caller', change: Partial<Principal> = {}) =>
          requestContext({ ...options.context, principal: principal({ id: `${prefix}-${who}`, ...change }) });
        return { cache, host, as };
      },
    };
    await checkKeys(bench);
    await checkReadAfterWrite(bench);
    await checkTenants(bench);
    await checkRequests(bench);
    await checkOwnership(bench);
    await checkBounds(bench);
  });
}

const chat = (reply = chatReply()): CacheableReply => ({ operation: 'chat', reply });
const vectors = (): CacheableReply => ({
  operation: 'embeddings',
  reply: {
    vectors: [
      [0.5, -0.25],
      [1, 0],
    ],
    model: 'model',
  },
});

/** Replies compared by content: a vector may come back as another kind of list of the same numbers. */
function contentOf(cached: CacheableReply | undefined): unknown {
  if (cached?.operation !== 'embeddings') return cached;
  return { ...cached, reply: { ...cached.reply, vectors: cached.reply.vectors.map((vector) => Array.from(vector)) } };
}

/** Of a cache that keeps nothing itself. */
async function checkKeys({ suite, options }: Bench): Promise<void> {
  const { instance } = await suite.start();
  if (instance.key === undefined) return;
  await suite.check('makes the same key of the same request again', async () => {
    const cache = instance;
    const context = () => requestContext({ ...options.context, principal: principal({ id: 'caller' }) });
    for (const asked of [() => call(), () => embeddingsCall(['text'])]) {
      const key = await checkedKey(cache, context(), asked());
      expectEqual(await checkedKey(cache, context(), asked()), key, 'the second key');
    }
  });
}

async function checkReadAfterWrite({ suite, open }: Bench): Promise<void> {
  await suite.check('knows nothing before it is told', async () => {
    const { cache, as } = await open();
    expectEqual(await cache.read(as(), call()), undefined, 'the reply');
    expectEqual(await cache.read(as(), embeddingsCall(['text'])), undefined, 'the vectors');
  });
  await suite.check('gives back what was written, whole', async () => {
    const { cache, as } = await open();
    for (const { name, value } of replies()) {
      const asked = call({ messages: [{ role: 'user', content: `What is ${name}?` }] });
      await cache.write(as(), asked, chat(value));
      expectEqual(await cache.read(as(), asked), chat(value), name);
    }
    await cache.write(as(), embeddingsCall(['a', 'b']), vectors());
    const found = contentOf(await cache.read(as(), embeddingsCall(['a', 'b'])));
    if (found !== undefined) expectEqual(found, contentOf(vectors()), 'the vectors');
  });
  await suite.check('gives the newer of two replies', async () => {
    const { cache, as } = await open();
    await cache.write(as(), call(), chat(chatReply({ text: 'older' })));
    await cache.write(as(), call(), chat(chatReply({ text: 'newer' })));
    const found = await cache.read(as(), call());
    expectEqual(found?.operation === 'chat' && found.reply.text, 'newer', 'the text');
  });
}

async function checkTenants({ suite, open }: Bench): Promise<void> {
  await suite.check('gives nobody what another caller wrote', async () => {
    const { cache, as } = await open();
    await cache.write(as('caller', { team: 'blue', user: 'u' }), call(), chat());
    await cache.write(as('caller', { team: 'blue', user: 'u' }), embeddingsCall(['a']), vectors());
    const others = [
      as('other', { team: 'blue', user: 'u' }),
      as('calle'),
      as('caller2'),
      as('CALLER'),
      as('other', { kind: 'admin' }),
      as('other', { kind: 'anonymous' }),
    ];
    for (const other of others) {
      expectEqual(await cache.read(other, call()), undefined, `the reply for ${other.principal.id}`);
      expectEqual(await cache.read(other, embeddingsCall(['a'])), undefined, `the vectors for ${other.principal.id}`);
    }
    expect(
      (await cache.read(as('caller', { team: 'blue', user: 'u' }), call())) !== undefined,
      () => 'the caller itself finds nothing',
    );
  });
  await suite.check('cannot be led across callers by what a request says', async () => {
    const { cache, as } = await open();
    const owner = as('a');
    await cache.write(owner, call(), chat());
    const { id } = owner.principal;
    for (const forged of [
      call({ user: id }),
      call({ extra: { principal: owner.principal, namespace: id } }),
      call({}, { controls: { cache: { namespace: id }, metadata: { principal: id } } }),
    ]) {
      expectEqual(await cache.read(as('b'), forged), undefined, 'the reply');
    }
  });
}

async function checkRequests({ suite, options, open }: Bench): Promise<void> {
  const isExact = options.exact ?? true;
  await suite.check(
    isExact ? 'answers the very same request and no other' : 'answers no request quite unlike the one written',
    async () => {
      const { cache, as } = await open();
      await cache.write(as(), call(), chat());
      for (const { name, asked } of isExact ? otherRequests() : unlikeRequests())
        expectEqual(await cache.read(as(), asked), undefined, `the reply to ${name}`);
      expect((await cache.read(as(), call())) !== undefined, () => 'the request that was written finds nothing');
    },
  );
  await suite.check('keeps operations apart', async () => {
    const { cache, as } = await open();
    await cache.write(as(), call(), chat());
    for (const asked of [embeddingsCall(['Why is the sky blue?']), call({}, { operation: 'completions' })]) {
      const found = await cache.read(as(), asked);
      expect(
        found === undefined || found.operation === asked.operation,
        () => `${asked.operation} was answered with ${show(found)}`,
      );
    }
  });
  await suite.check('reads and writes any request without an error', async () => {
    const { cache, as } = await open();
    for (const { name, value } of [...plainRequests(), ...demandingRequests()]) {
      await cache.read(as(), call(value));
      await cache.write(as(), call(value), chat(chatReply({ text: name })));
      await cache.read(as(), call(value));
    }
    await cache.read(as(), embeddingsCall([[1, 2, 3]]));
    await cache.write(as(), embeddingsCall([]), { operation: 'embeddings', reply: { vectors: [] } });
  });
}

interface Asked {
  readonly name: string;
  readonly asked: Call;
}

const asking = (name: string, change: Partial<ChatRequest>): Asked => ({ name, asked: call(change) });
const say = (...content: string[]): Partial<ChatRequest> => ({
  messages: content.map((text) => ({ role: 'user' as const, content: text })),
});

function unlikeRequests(): Asked[] {
  return [
    asking('another model', { model: 'another-group' }),
    asking('another question', say('List the prime numbers below one hundred.')),
    asking('a further turn', say('Why is the sky blue?', 'Translate the words above into Finnish.')),
  ];
}

function otherRequests(): Asked[] {
  const image = (data: string): Partial<ChatRequest> => ({
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Why is the sky blue?' },
          { type: 'image', data, mediaType: 'image/png' },
        ],
      },
    ],
  });
  const messages = call().chat().messages;
  return [
    ...unlikeRequests(),
    ...parameters()
      .filter(({ name }) => name !== 'user')
      .map(({ name, change }) => asking(`another ${name}`, change)),
    asking('other spelling', say('why is the sky blue?')),
    asking('the text in two messages', say('Why is the sky', 'blue?')),
    asking('another role', { messages: messages.map((message) => ({ ...message, role: 'system' as const })) }),
    asking('an image beside it', image('AAAA')),
    asking('a system prompt ahead', { messages: [{ role: 'system', content: 'Lie.' }, ...messages] }),
    asking('an unknown field', { extra: { top_a: 0.5 } }),
  ];
}

async function checkOwnership({ suite, open }: Bench): Promise<void> {
  await suite.check('keeps what it was told when the reply written or read is changed afterwards', async () => {
    const { cache, as } = await open();
    const written = chatReply();
    await cache.write(as(), call(), chat(written));
    Object.assign(written, { text: 'changed after writing' });
    const read = await cache.read(as(), call());
    if (read?.operation === 'chat') {
      try {
        Object.assign(read.reply, { text: 'changed after reading' });
      } catch {
        // A frozen reply cannot be changed, which is as good.
      }
    }
    expectEqual(await cache.read(as(), call()), chat(), 'the reply');
  });
}

async function checkBounds({ suite, options, open }: Bench): Promise<void> {
  const { ttlMs, maxEntries } = options;
  if (ttlMs !== undefined) {
    await suite.check('forgets a reply when its time is over', async () => {
      const { cache, host, as } = await open();
      const advance = options.advance ?? ((ms: number) => host.advance(ms));
      await cache.write(as(), call(), chat());
      await advance(ttlMs * 0.6);
      expect((await cache.read(as(), call())) !== undefined, () => 'it forgot the reply early');
      await advance(ttlMs * 0.6);
      expectEqual(await cache.read(as(), call()), undefined, 'the reply');
    });
  }
  if (maxEntries === undefined) return;
  await suite.check('keeps no more entries than it may', async () => {
    const { cache, as } = await open();
    const asked = Array.from({ length: maxEntries + 20 }, (_, index) =>
      call(say(`Question ${index}: ${'x'.repeat(index % 7)}`)),
    );
    for (const each of asked) await cache.write(as(), each, chat());
    let found = 0;
    for (const each of asked) if ((await cache.read(as(), each)) !== undefined) found++;
    expect(
      found > 0 && found <= maxEntries,
      () => `it knows ${found} of ${asked.length} replies, and may keep ${maxEntries}`,
    );
  });
}
