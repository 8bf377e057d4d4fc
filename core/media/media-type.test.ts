import { describe, expect, it } from 'vitest';
import { mediaTypeOf, statedType } from './media-type.ts';

const bytes = (text: string) => Buffer.from(text, 'latin1');

describe('the first bytes', () => {
  it.each([
    ['\x89PNG\r\n\x1a\n....', 'image/png'],
    ['\xff\xd8\xff\xe0', 'image/jpeg'],
    ['GIF87a', 'image/gif'],
    ['GIF89a', 'image/gif'],
    ['RIFF\x10\0\0\0WEBPVP8 ', 'image/webp'],
    ['BM....', 'image/bmp'],
    ['II*\0', 'image/tiff'],
    ['MM\0*', 'image/tiff'],
    ['\0\0\0\x1cftypavif', 'image/avif'],
    ['\0\0\0\x1cftypheic', 'image/heic'],
    ['%PDF-1.7', 'application/pdf'],
    ['\xef\xbb\xbf\n%PDF-1.4', 'application/pdf'],
  ])('%j are those of %s', (text, type) => {
    expect(mediaTypeOf(bytes(text))).toBe(type);
  });

  it.each(['', 'RIFF\x10\0\0\0WAVE', '\x89PN', '<svg/>', `${' '.repeat(1024)}%PDF-1.7`])('%j show no type', (text) => {
    expect(mediaTypeOf(bytes(text))).toBeUndefined();
  });
});

it('reads of a header the type alone, and nothing from one that says nothing', () => {
  expect(statedType('Text/HTML; charset=utf-8')).toBe('text/html');
  expect(statedType('application/octet-stream')).toBeUndefined();
  expect(statedType(' ; charset=x')).toBeUndefined();
  expect(statedType(undefined)).toBeUndefined();
});
