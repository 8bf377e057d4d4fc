import { createHash, createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type SignedRequest, type SigningScope, signRequest } from './sigv4.ts';

const suite: SigningScope = {
  credentials: {
    accessKeyId: 'AKIDEXAMPLE',
    secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
    sessionToken: undefined,
  },
  region: 'us-east-1',
  service: 'service',
  now: Date.UTC(2015, 7, 30, 12, 36, 0),
};
const plain: SignedRequest = {
  method: 'GET',
  host: 'example.amazonaws.com',
  path: '/',
  query: '',
  headers: {},
  body: undefined,
};

const signatureOf = (request: Partial<SignedRequest>, scope: Partial<SigningScope> = {}): string | undefined =>
  /Signature=([0-9a-f]{64})$/.exec(
    signRequest({ ...plain, ...request }, { ...suite, ...scope }).authorization as string,
  )?.[1];

describe('values AWS has published', () => {
  it.each<[string, Partial<SignedRequest>, string]>([
    ['get-vanilla', {}, '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31'],
    ['post-vanilla', { method: 'POST' }, '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b'],
    [
      'get-vanilla-query-order-key-case',
      { query: 'Param2=value2&Param1=value1' },
      'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500',
    ],
    [
      'get-header-value-trim',
      { headers: { 'my-header1': ' value1', 'my-header2': ' "a   b   c"' } },
      'acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736',
    ],
    [
      'post-x-www-form-urlencoded',
      { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'Param1=value1' },
      'ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a',
    ],
    ['get-slash', { path: '//' }, '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31'],
    ['get-relative', { path: '/example/..' }, '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31'],
  ])('of the test suite come out for %s', (_name, request, signature) => {
    expect(signatureOf(request)).toBe(signature);
  });

  it('of the guide come out for IAM ListUsers', () => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' };
    expect(
      signatureOf(
        { host: 'iam.amazonaws.com', query: 'Action=ListUsers&Version=2010-05-08', headers },
        { service: 'iam' },
      ),
    ).toBe('5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7');
  });

  const s3: Partial<SigningScope> = {
    credentials: {
      accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
      secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
      sessionToken: undefined,
    },
    service: 's3',
    now: Date.UTC(2013, 4, 24),
  };
  const host = 'examplebucket.s3.amazonaws.com';

  it.each<[string, Partial<SignedRequest>, string]>([
    [
      'GET object',
      { host, path: '/test.txt', headers: { range: 'bytes=0-9' } },
      'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
    ],
    [
      'PUT object',
      {
        host,
        method: 'PUT',
        path: '/test%24file.text',
        headers: { date: 'Fri, 24 May 2013 00:00:00 GMT', 'x-amz-storage-class': 'REDUCED_REDUNDANCY' },
        body: 'Welcome to Amazon S3.',
      },
      '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
    ],
    [
      'GET bucket lifecycle',
      { host, query: 'lifecycle' },
      'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
    ],
    [
      'GET bucket',
      { host, query: 'max-keys=2&prefix=J' },
      '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
    ],
  ])('of the S3 guide come out for %s', (_name, request, signature) => {
    expect(signatureOf(request, s3)).toBe(signature);
  });
});

/** What a service does with a request as it came in: rebuilds the canonical form from the header alone. */
function verify(request: SignedRequest, sent: Record<string, string>, secret: string): boolean {
  const [, date, region, service, names, signature] =
    /Credential=[^/]+\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, SignedHeaders=([^,]+), Signature=(.+)$/.exec(
      sent.authorization as string,
    ) as unknown as string[];
  const all: Record<string, string> = { host: request.host, ...sent };
  const encode = (text: string) =>
    [...Buffer.from(text)]
      .map((byte) =>
        /[A-Za-z0-9\-._~]/.test(String.fromCharCode(byte))
          ? String.fromCharCode(byte)
          : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`,
      )
      .join('');
  const sha256 = (data: string | Uint8Array) => createHash('sha256').update(data).digest('hex');
  const path = request.path
    .split('/')
    .map((part) => encode(part))
    .join('/');
  const query = [...new URLSearchParams(request.query.replaceAll('+', '%2B'))]
    .map((pair) => pair.map(encode).join('='))
    .sort()
    .join('&');
  const lines = (names as string)
    .split(';')
    .map((name) => `${name}:${(all[name] as string).trim().replace(/ +/g, ' ')}\n`);
  const canonical = [request.method, path, query, lines.join(''), names, sha256(request.body ?? '')].join('\n');
  const toSign = `AWS4-HMAC-SHA256\n${sent['x-amz-date']}\n${date}/${region}/${service}/aws4_request\n${sha256(canonical)}`;
  const key = [date, region, service, 'aws4_request'].reduce<Buffer>(
    (before, part) =>
      createHmac('sha256', before)
        .update(part as string)
        .digest(),
    Buffer.from(`AWS4${secret}`),
  );
  return createHmac('sha256', key).update(toSign).digest('hex') === signature;
}

describe('a signature', () => {
  const segment = fc.constantFrom(
    'model',
    'converse',
    'anthropic.claude-3%3A0',
    'arn%3Aaws%3Abedrock%3Aus-west-2%3A1%3Ax%2Fy',
    'a%20b',
    "it's(1)*!",
    'ü%C3%BC'.slice(1),
  );
  const parameter = fc
    .tuple(fc.constantFrom('a', 'b', 'A', 'x-y', '%C3%BC'), fc.constantFrom('', '1', '2', 'a%2Fb', '~_.-'))
    .map((pair) => pair.join('='));

  it('holds for an independent verifier, whatever path, query, headers and body are', () => {
    fc.assert(
      fc.property(
        fc.array(segment, { minLength: 1, maxLength: 4 }),
        fc.uniqueArray(parameter, { maxLength: 4 }),
        fc.uint8Array({ maxLength: 50 }),
        fc.boolean(),
        (path, query, body, hasToken) => {
          const request = {
            method: 'POST',
            host: 'bedrock-runtime.us-west-2.amazonaws.com',
            path: `/${path.join('/')}`,
            query: query.join('&'),
            headers: { 'content-type': 'application/json', 'user-agent': 'changes on the way', 'x-amzn-x': ' a   b ' },
            body,
          };
          const credentials = {
            accessKeyId: 'AKID',
            secretAccessKey: 's',
            sessionToken: hasToken ? 'token' : undefined,
          };
          const added = signRequest(request, { credentials, region: 'us-west-2', service: 'bedrock', now: Date.now() });
          const sent = { ...request.headers, ...added, 'user-agent': 'changed' };
          expect(verify(request, sent, 's')).toBe(true);
          expect(verify({ ...request, body: Buffer.concat([body, Buffer.from('x')]) }, sent, 's')).toBe(false);
          expect(verify({ ...request, path: `${request.path}x` }, sent, 's')).toBe(false);
          expect(verify(request, { ...sent, 'content-type': 'text/plain' }, 's')).toBe(false);
          expect(verify(request, sent, 't')).toBe(false);
        },
      ),
    );
  });

  it('covers host, date, token and content type, and not what proxies change', () => {
    const headers = {
      'content-type': 'application/json',
      accept: '*/*',
      'user-agent': 'x',
      traceparent: 'x',
      'x-request-id': 'x',
    };
    const { authorization } = signRequest(
      { ...plain, headers },
      { ...suite, credentials: { ...suite.credentials, sessionToken: 't' } },
    );
    expect(authorization).toContain('SignedHeaders=content-type;host;x-amz-date;x-amz-security-token,');
  });

  it('uses another key on another day, in another region and for another secret', () => {
    const { credentials } = suite;
    const signatures = [
      {},
      { now: suite.now + 86_400_000 },
      { region: 'eu-west-1' },
      { service: 'other' },
      { credentials: { ...credentials, secretAccessKey: 'other' } },
      {},
    ].map((scope) => signatureOf({}, scope));
    expect(new Set(signatures).size).toBe(5);
    expect(signatures.at(-1)).toBe(signatures[0]);
  });
});
