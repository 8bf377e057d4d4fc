import { describe, expect, it } from 'vitest';
import { besideAddress, nameOf, readFileAddress } from './address.ts';

const digest = 'a'.repeat(64);

describe('an address of a file', () => {
  it('is read into scheme, bucket, key and the digest it is pinned to', () => {
    expect(readFileAddress('s3://b-1.x/a/b c.yaml')).toEqual({
      scheme: 's3',
      bucket: 'b-1.x',
      key: 'a/b c.yaml',
      sha256: undefined,
    });
    const pinned = readFileAddress(`s3://bucket/knn.rra#sha256=${digest}`);
    expect([pinned.sha256, nameOf(pinned)]).toEqual([digest, 's3://bucket/knn.rra']);
  });

  it.each([
    ['s3://bucket', 's3://bucket/folder/file'],
    ['s3://bucket/', 's3://bucket/folder/file'],
    ['s3://bucket/a/', 's3://bucket/folder/file'],
    ['s3://bucket/a//b', 's3://bucket/folder/file'],
    ['s3://bucket/../b', 's3://bucket/folder/file'],
    ['s3:///key', 's3://bucket/folder/file'],
    ['./file', 's3://bucket/folder/file'],
    ['s3://bucket/key#sha256=12', '#sha256= and 64 hex digits'],
    ['s3://bucket/key#newest', '#sha256= and 64 hex digits'],
  ])('is refused as %s, with what was expected', (text, expected) => {
    expect(() => readFileAddress(text)).toThrow(expected);
  });
});

describe('a name beside an address', () => {
  it.each([
    ['models.yaml', 's3://bucket/a/models.yaml'],
    ['./more/models.yaml', 's3://bucket/a/more/models.yaml'],
    ['../models.yaml', 's3://bucket/models.yaml'],
  ])('%s is seen from the file that says it', (name, address) => {
    expect(besideAddress('s3://bucket/a/main.yaml', name)).toBe(address);
  });

  it.each(['../../out.yaml', '/etc/passwd', '..', '../..'])('%s leads out of the bucket and is refused', (name) => {
    expect(() => besideAddress('s3://bucket/a/main.yaml', name)).toThrow('stays in its bucket');
  });
});
