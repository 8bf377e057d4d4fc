/**
 * What every provider must hold to: it translates whatever the neutral model
 * can say or refuses by name what it cannot, reads whatever a vendor may send
 * without stumbling, and knows no secret.
 */

import type { ChatRequest } from '../contract/chat.ts';
import { errorKinds, RutterError } from '../contract/errors.ts';
import type { Deployment } from '../contract/request.ts';
import type { Auth, ChatCodec, UpstreamRequest } from '../contract/wire.ts';
import { checkReading } from './check-provider-reading.ts';
import { checkRespond } from './check-provider-respond.ts';
import { chatRequest, deployment } from './fixtures.ts';
import { chatCodecs, type ProviderBench, type ProviderOptions } from './provider-bench.ts';
import { expect, expectEqual, giveOrRefuse, type Report, runSuite, type Subject, show } from './report.ts';
import { demandingRequests, parameters, plainRequests } from './requests.ts';

/** Checks a provider's definition, or instances that a function makes. */
export function checkProvider(subject: Subject<'provider'>, options: ProviderOptions = {}): Promise<Report> {
  return runSuite('provider', { subject, options }, async (suite) => {
    const { instance: provider } = await suite.start();
    const bench = {
      suite,
      options,
      provider,
      deployment: deployment({ model: 'model-under-test', ...options.deployment }),
    };
    await checkShape(bench);
    await checkFailure(bench);
    for (const [name, codec] of chatCodecs(provider)) {
      await checkRequests(bench, name, codec);
      await checkReading(bench, name, codec);
    }
    await checkEmbeddings(bench);
    await checkPass(bench);
    await checkRespond(bench);
  });
}

const schemes = ['header', 'query', 'sigv4', 'oauth2', 'google', 'first', 'none'];

async function checkShape({ suite, provider, deployment: target }: ProviderBench): Promise<void> {
  await suite.check('translates at least one operation', () => {
    const { chat, completions, embeddings, raw } = provider;
    expect(
      [chat, completions, embeddings, raw].some((codec) => codec !== undefined),
      () => 'it has no chat, completions, embeddings or raw',
    );
  });
  await suite.check('names an address and a way to authenticate, without a secret', () => {
    const origin = typeof provider.origin === 'function' ? provider.origin(target) : provider.origin;
    expect(
      origin === '' || (URL.canParse(origin) && /^https?:/.test(origin)),
      () => `origin is ${show(origin)}, expected a http or https address, or '' where each deployment names its own`,
    );
    const address = URL.parse(origin);
    expect(!address?.username && !address?.password, () => 'the address holds credentials');
    const auth: Auth = typeof provider.auth === 'function' ? provider.auth(target) : provider.auth;
    expect(schemes.includes(auth?.scheme), () => `auth is ${show(auth)}, expected a scheme of ${schemes.join(', ')}`);
  });
}

const statuses = [200, 400, 401, 402, 403, 404, 408, 409, 413, 422, 429, 499, 500, 502, 503, 504, 520, 529, 599];
const bodies = [
  '',
  ' ',
  'not json',
  '{',
  '{}',
  '[]',
  'null',
  '17',
  '"text"',
  '{"error":null}',
  '{"error":"text"}',
  '{"error":{"message":null,"code":429}}',
  '{"error":[]}',
  '{"type":"error","error":{}}',
  '[{"error":{"message":"first"}}]',
  '<html><body>502</body></html>',
  'x'.repeat(100_000),
  '{"__proto__":{"polluted":true}}',
];

async function checkFailure({ suite, provider }: ProviderBench): Promise<void> {
  await suite.check('reads whatever a vendor may send as an error', () => {
    for (const status of statuses) {
      for (const body of bodies) {
        const read = provider.failure?.(status, body, {});
        const isKnown = read === undefined || RutterError.is(read) || Object.hasOwn(errorKinds, read);
        expect(
          isKnown,
          () => `status ${status} with ${show(body)} gave ${show(read)}, expected nothing, a code or a RutterError`,
        );
      }
    }
  });
}

type Requests = readonly { readonly name: string; readonly value: ChatRequest }[];

async function checkRequests(
  { suite, deployment: target }: ProviderBench,
  operation: string,
  codec: ChatCodec,
): Promise<void> {
  const write = (request: ChatRequest) => codec.request({ ...request, deployment: target });
  const title = (text: string) => `${operation}: ${text}`;

  await suite.check(title('translates every plain request'), () => {
    for (const { name, value } of plainRequests()) expectUpstream(write(value), name, target);
  });
  await suite.check(title('translates every other request, or refuses it by name'), () => {
    for (const { name, value } of demandingRequests()) {
      const result = giveOrRefuse(() => write(value), name);
      if ('error' in result) expectRefusal(result.error, name);
      else expectUpstream(result.value, name, target);
    }
    expect(!('polluted' in {}), () => 'a field of the request changed every object');
  });
  await suite.check(title('passes on, reports as dropped, or refuses each parameter'), () => {
    const plain = JSON.stringify(write(chatRequest()).body);
    for (const { name, change } of parameters()) {
      const result = giveOrRefuse(() => write(chatRequest(change)), name);
      if ('error' in result) expectRefusal(result.error, name);
      else
        expect(
          JSON.stringify(result.value.body) !== plain || (result.value.dropped ?? []).length > 0,
          () => `${name} was left out without a word`,
        );
    }
  });
  await suite.check(title('translates purely: the request stays as it is, and comes out the same twice'), () => {
    const all = (): Requests => [...plainRequests(), ...demandingRequests()];
    const outcome = ({ name, value }: Requests[number]) => {
      const result = giveOrRefuse(() => write(value), name);
      return 'error' in result ? result.error.message : result.value;
    };
    const requests = all();
    const first = requests.map(outcome);
    expectEqual(requests, all(), 'the requests afterwards');
    expectEqual(requests.map(outcome), first, 'what came out the second time');
  });
}

const credentialHeaders = ['authorization', 'proxy-authorization', 'x-api-key', 'api-key', 'x-goog-api-key', 'cookie'];

function expectUpstream(written: UpstreamRequest, name: string, { model }: Deployment): void {
  const { path, body, headers = {} } = written;
  expect(typeof path === 'string' && path.startsWith('/'), () => `${name} goes to ${show(path)}, expected a path`);
  const text = JSON.stringify(body);
  expect(
    typeof text === 'string' && text.startsWith('{'),
    () => `${name} has the body ${show(body)}, expected an object that JSON can tell`,
  );
  expect(
    `${decodeURIComponent(path)} ${text}`.includes(model),
    () => `${name} names the deployment's model neither in path nor in body`,
  );
  const credential = Object.keys(headers).find((header) => credentialHeaders.includes(header.toLowerCase()));
  expect(credential === undefined, () => `${name} sets the header ${credential}; credentials are the kernel's`);
}

function expectRefusal({ code, param, message }: RutterError, name: string): void {
  expect(
    ['ERR_REQUEST_UNSUPPORTED_PARAMETER', 'ERR_REQUEST_INVALID', 'ERR_ROUTE_UNSUPPORTED'].includes(code),
    () => `${name} was refused with ${code}: ${message}`,
  );
  expect(
    code !== 'ERR_REQUEST_UNSUPPORTED_PARAMETER' || Boolean(param),
    () => `${name} was refused without naming the parameter: ${message}`,
  );
}

const oddReplies: unknown[] = [
  null,
  [],
  {},
  17,
  '',
  { data: null },
  { data: [null] },
  { data: [{ embedding: 'no base64 §' }] },
  { data: [{ embedding: [1, 'x'] }] },
];

async function checkEmbeddings({ suite, provider, deployment: target }: ProviderBench): Promise<void> {
  const { embeddings: codec } = provider;
  if (codec === undefined) return;
  await suite.check('embeddings: translates texts and tokens, or refuses them', () => {
    const base = { model: 'group', extra: {}, deployment: target };
    expectUpstream(codec.request({ ...base, input: ['one text', ''] }), 'texts', target);
    for (const change of [{ input: [[1, 2, 3]] }, { input: [] }, { input: ['x'], dimensions: 3, user: 'u' }]) {
      const result = giveOrRefuse(() => codec.request({ ...base, ...change }), show(change));
      if ('error' in result) expectRefusal(result.error, show(change));
    }
  });
  await suite.check('embeddings: reads or refuses whatever comes as a reply', () => {
    for (const odd of oddReplies) {
      const result = giveOrRefuse(() => codec.reply(odd as never, target), `the reply ${show(odd)}`);
      if ('value' in result)
        expect(Array.isArray(result.value.vectors), () => `${show(odd)} gave ${show(result.value)}`);
    }
  });
}

async function checkPass({ suite, provider, deployment: target }: ProviderBench): Promise<void> {
  const codecs = Object.entries({
    ...provider.raw,
    chat: provider.chat,
    completions: provider.completions,
    embeddings: provider.embeddings,
  });
  const passing = codecs.filter(([, codec]) => codec?.pass !== undefined);
  if (passing.length === 0) return;
  await suite.check(
    'lets bytes of its own dialect through under the deployment’s model, and changes no field it read',
    () => {
      for (const [operation, codec] of passing) {
        for (const stream of [false, true]) {
          const fields = () => ({
            model: 'group',
            messages: [{ role: 'user', content: 'A' }],
            input: ['A'],
            stream,
            temperature: 0.5,
            stream_options: { include_usage: false },
          });
          const given = fields();
          const {
            path,
            set = {},
            remove = [],
          } = codec?.pass?.({ deployment: target, stream, fields: given }) ?? { path: '' };
          expectEqual(given, fields(), `the fields of ${operation} afterwards`);
          expect(path.startsWith('/') || path.startsWith('http'), () => `${operation} goes to ${show(path)}`);
          const isNamed = `${set.model} ${decodeURIComponent(path)}`.includes(target.model);
          expect(isNamed, () => `${operation} keeps the caller's model name: set is ${show(set)}, path ${path}`);
          expect(
            !remove.includes('messages') && !remove.includes('input'),
            () => `${operation} removes ${remove.join(', ')}`,
          );
        }
      }
    },
  );
}
