import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { checkCoding, checkJsonType } from './body-type.ts';
import { headFault, originForm } from './check-head.ts';

const request = (lines: readonly (readonly [string, string])[], httpVersion = '1.1') =>
  ({
    rawHeaders: lines.flat(),
    headers: Object.fromEntries(lines.map(([name, value]) => [name.toLowerCase(), value])),
    httpVersion,
  }) as unknown as IncomingMessage;

describe('a head', () => {
  it('passes with one Host, in any letters, chunked or not', () => {
    expect(headFault(request([['HOST', 'a']]))).toBeUndefined();
    expect(
      headFault(
        request([
          ['Host', 'a'],
          ['Transfer-Encoding', 'Chunked'],
        ]),
      ),
    ).toBeUndefined();
    expect(headFault(request([], '1.0'))).toBeUndefined();
  });

  it.each([
    ['no Host', request([]), 'no Host'],
    [
      'two',
      request([
        ['host', 'a'],
        ['Host', 'b'],
      ]),
      '2 Host headers',
    ],
    ['another version', request([['host', 'a']], '2.0'), 'HTTP/2.0'],
    [
      'another coding',
      request([
        ['host', 'a'],
        ['transfer-encoding', 'gzip, chunked'],
      ]),
      '"gzip, chunked"',
    ],
    [
      '201 headers',
      request([['host', 'a'], ...Array.from({ length: 200 }, (_, at) => [`x${at}`, ''] as const)]),
      '200 headers',
    ],
  ])('is refused for %s', (_title, found, words) => {
    expect(headFault(found)?.message).toContain(words);
  });
});

it.each([
  ['/v1/models?a=b', '/v1/models?a=b'],
  ['http://host/v1/models?a=http://b/c', '/v1/models?a=http://b/c'],
  ['HTTPS://host:1/x', '/x'],
  ['http://host', '/'],
  ['*', '*'],
  ['/http://host/x', '/http://host/x'],
])('the target %s is served as %s', (target, path) => {
  expect(originForm(target)).toBe(path);
});

describe('a content type', () => {
  it.each([
    undefined,
    '',
    'application/json',
    'Application/JSON;charset=utf-8',
    'text/json',
    'application/problem+json',
    'text/plain; x',
  ])('%s passes for JSON', (type) => {
    expect(() => checkJsonType(type === undefined ? {} : { 'content-type': type })).not.toThrow();
  });

  it.each([
    'text/html',
    'multipart/form-data; boundary=json',
    'application/x-www-form-urlencoded',
    'application/json-seq',
    'json',
    'text/plainly',
  ])('%s does not', (type) => {
    expect(() => checkJsonType({ 'content-type': type })).toThrow('expected application/json');
  });

  it('says nothing of a coded body', () => {
    expect(() => checkCoding({ 'content-encoding': 'Identity' })).not.toThrow();
    expect(() => checkJsonType({ 'content-type': 'application/json', 'content-encoding': 'deflate' })).toThrow(
      '"deflate"',
    );
  });
});
