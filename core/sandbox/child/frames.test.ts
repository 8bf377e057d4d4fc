import { expect, it } from 'vitest';
import { type Frame, FrameReader, writeFrame } from './frames.ts';

const frames = [
  { header: { t: 'call', id: 1 }, payload: 'häßlich 漢字' },
  { header: { t: 'close' }, payload: '' },
  { header: { t: 'call', id: 2 }, payload: 'x'.repeat(5000) },
];
const bytes = Buffer.concat(frames.map(({ header, payload }) => writeFrame(header, payload)));

it.each([1, 3, 7, 8, 9, 100, bytes.length])('frames are put together from chunks of %d bytes', (size) => {
  const found: Frame[] = [];
  const reader = new FrameReader(10_000, (frame) => found.push(frame));
  for (let start = 0; start < bytes.length; start += size) reader.push(bytes.subarray(start, start + size));
  expect(found).toEqual(frames);
});

it('a frame that says it is too long is refused before it has come', () => {
  const reader = new FrameReader(1000, () => {});
  expect(() => reader.push(writeFrame({}, 'x'.repeat(2000)).subarray(0, 8))).toThrow('expected at most 1000');
});

it('a header that is no object is refused', () => {
  const reader = new FrameReader(1000, () => {});
  expect(() => reader.push(writeFrame([1] as never, '').subarray(0))).not.toThrow();
  expect(() => new FrameReader(1000, () => {}).push(writeFrame(5 as never))).toThrow('no object');
});
