import { expect, test } from 'vitest';
import { encodeKey, readErrorCode, readPage } from './wire.ts';

test('encodes keys as S3 expects them in a path and in a query', () => {
  expect(encodeKey("a b/c+d&e=f?g#h%i'(!)*~.txt", '/')).toBe('a%20b/c%2Bd%26e%3Df%3Fg%23h%25i%27%28%21%29%2A~.txt');
  expect(encodeKey('a/é', '')).toBe('a%2F%C3%A9');
});

test('reads a page of keys with what they hold, and where the next begins', () => {
  const page = `<?xml version="1.0"?><ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>a&amp;b</NextContinuationToken>
    <Contents><Key>x/na&#xEF;ve +&amp;&#39;</Key><ETag>&quot;abc&quot;</ETag><Size>12</Size></Contents>
    <Contents><Key>y</Key><ETag>"d"</ETag><Size>0</Size></Contents></ListBucketResult>`;
  expect(readPage(page)).toEqual({
    entries: [
      { key: "x/naïve +&'", etag: '"abc"', size: 12 },
      { key: 'y', etag: '"d"', size: 0 },
    ],
    next: 'a&b',
  });
  expect(readPage('<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>')).toEqual({
    entries: [],
    next: undefined,
  });
});

test('reads the code of an error and nothing else of it', () => {
  expect(readErrorCode('<Error><Code>SignatureDoesNotMatch</Code><StringToSign>secret</StringToSign></Error>')).toBe(
    'SignatureDoesNotMatch',
  );
  expect(readErrorCode('<html>busy</html>')).toBe('');
});
