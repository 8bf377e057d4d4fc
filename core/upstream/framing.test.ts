import { crc32 } from 'node:zlib';
import type { Frame, Framing } from '@rutter/plugin-sdk';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFrameReader } from './framing.ts';

function readAll(framing: Framing, pieces: readonly Uint8Array[], maxFrameBytes?: number): Frame[] {
  const reader = createFrameReader(framing, maxFrameBytes === undefined ? {} : { maxFrameBytes });
  return [...pieces.flatMap((piece) => [...reader.push(piece)]), ...reader.finish()];
}

const bytes = (text: string): Buffer => Buffer.from(text);

const cutAt = (whole: Buffer, offset: number): Buffer[] => [whole.subarray(0, offset), whole.subarray(offset)];

const singles = (whole: Buffer): Buffer[] => [...whole].map((byte) => Buffer.from([byte]));

/** The WHATWG text of event streams, on the whole text at once. */
function referenceSse(text: string): Frame[] {
  const frames: Frame[] = [];
  let event = '';
  let data: string[] = [];
  for (const line of [...text.replace(/^\uFEFF/, '').split(/\r\n|\r|\n/), '']) {
    if (line === '') {
      if (data.length > 0) frames.push({ event, data: data.join('\n') });
      event = '';
      data = [];
      continue;
    }
    const match = /^([^:]*)(?:: ?)?(.*)$/s.exec(line);
    if (match?.[1] === 'data') data.push(match[2] as string);
    if (match?.[1] === 'event') event = match[2] as string;
  }
  return frames;
}

describe('server-sent events', () => {
  const sample = [
    ': comment',
    'event: delta',
    'data: {"text":"grüße 🚀"}',
    '',
    'data: first',
    'data:second',
    'data',
    'id: 7',
    'retry: 10',
    'dataset: no',
    '',
    'event: without data',
    '',
    'data:  one space stays: and colons',
    '',
    'data: [DONE]',
    '',
    '',
  ];
  const expected: Frame[] = [
    { event: 'delta', data: '{"text":"grüße 🚀"}' },
    { event: '', data: 'first\nsecond\n' },
    { event: '', data: ' one space stays: and colons' },
    { event: '', data: '[DONE]' },
  ];

  it.each([
    ['LF', '\n'],
    ['CRLF', '\r\n'],
    ['CR', '\r'],
  ])('gives the same frames with %s wherever the bytes are cut', (_name, lineEnd) => {
    for (const mark of ['', '\uFEFF']) {
      const whole = bytes(mark + sample.join(lineEnd));
      expect(readAll('sse', [whole])).toEqual(expected);
      expect(readAll('sse', singles(whole))).toEqual(expected);
      for (let offset = 1; offset < whole.length; offset++)
        expect(readAll('sse', cutAt(whole, offset))).toEqual(expected);
    }
  });

  it('hands an event over with the byte that completes it', () => {
    for (const [first, last] of [
      ['data: x\n', '\n'],
      ['data: x\r', '\r'],
      ['data: x\r\n', '\r'],
    ] as const) {
      const reader = createFrameReader('sse');
      expect(reader.push(bytes(first))).toEqual([]);
      expect(reader.push(bytes(last))).toEqual([{ event: '', data: 'x' }]);
    }
  });

  it('counts an event that the end of the stream cuts off before its empty line', () => {
    expect(readAll('sse', [bytes('data: [DONE]')])).toEqual([{ event: '', data: '[DONE]' }]);
    expect(readAll('sse', [bytes('data: a\n\nevent: x\ndata: b\n')])).toEqual([
      { event: '', data: 'a' },
      { event: 'x', data: 'b' },
    ]);
  });

  it('agrees with the definition for any text, cut anywhere', () => {
    const part = fc.constantFrom(
      'data',
      'event',
      ':',
      ': ',
      '\n',
      '\r',
      '\r\n',
      '\n\n',
      'ü',
      '🚀',
      'x',
      '\uFEFF',
      'id: 1',
      'data: y',
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 40 }), fc.array(fc.nat(200), { maxLength: 5 }), (parts, cuts) => {
        const text = parts.join('');
        const whole = bytes(text);
        const offsets = [0, ...cuts.map((cut) => cut % (whole.length + 1)).sort((a, b) => a - b), whole.length];
        const pieces = offsets.slice(1).map((offset, index) => whole.subarray(offsets[index], offset));
        expect(readAll('sse', pieces)).toEqual(referenceSse(text));
      }),
      { numRuns: 2000 },
    );
  });

  it('bounds an event, in one line or in many, and keeps the frames ahead of it', () => {
    const oneLine = createFrameReader('sse', { maxFrameBytes: 100 });
    expect(oneLine.push(bytes(`data: a\n\ndata: ${'x'.repeat(200)}`))).toEqual([{ event: '', data: 'a' }]);
    expect(() => oneLine.push(bytes('more'))).toThrow(expect.objectContaining({ code: 'ERR_PROVIDER_STREAM' }));
    expect(() => oneLine.finish()).toThrow(expect.objectContaining({ code: 'ERR_PROVIDER_STREAM' }));

    const manyLines = createFrameReader('sse', { maxFrameBytes: 100 });
    const push = () => {
      for (let count = 0; count < 30; count++) manyLines.push(bytes('data: xxxx\n'));
    };
    expect(push).toThrow(
      expect.objectContaining({ code: 'ERR_PROVIDER_STREAM', message: expect.stringContaining('100 bytes') }),
    );
  });

  it('refuses an event of more than 16 MiB when no bound is given, and takes one below in time linear in its size', () => {
    const piece = Buffer.alloc(16 * 1024, 'x');
    const below = createFrameReader('sse');
    below.push(bytes('data: '));
    const before = performance.now();
    for (let count = 0; count < 1000; count++) below.push(piece);
    expect(below.push(bytes('\n\n'))[0]?.data.length).toBe(1000 * piece.length);
    expect(performance.now() - before).toBeLessThan(1500);
    const above = createFrameReader('sse');
    const push = () => {
      for (let count = 0; count < 1025; count++) above.push(piece);
    };
    expect(push).toThrow(expect.objectContaining({ code: 'ERR_PROVIDER_STREAM' }));
  });

  it('searches a chunk once, whatever its lines are', () => {
    const lines = Buffer.concat([Buffer.alloc(2 << 20, 'a\n'), bytes('\r')]);
    const before = performance.now();
    expect(readAll('sse', [lines])).toEqual([]);
    expect(performance.now() - before).toBeLessThan(1000);
  });
});

describe('newline-delimited JSON', () => {
  it('gives one frame a line wherever it is cut, without empty lines, and takes a last line without its end', () => {
    const whole = bytes('{"a":"ü"}\n\r\n{"b":1}\r\n  \n{"c":"🚀"}');
    const expected = ['{"a":"ü"}', '{"b":1}', '{"c":"🚀"}'].map((data) => ({ event: '', data }));
    expect(readAll('ndjson', [whole])).toEqual(expected);
    for (let offset = 1; offset < whole.length; offset++)
      expect(readAll('ndjson', cutAt(whole, offset))).toEqual(expected);
  });

  it('bounds a line', () => {
    expect(() => readAll('ndjson', [bytes('x'.repeat(101))], 100)).toThrow(
      expect.objectContaining({ code: 'ERR_PROVIDER_STREAM' }),
    );
  });
});

describe('a JSON body', () => {
  it('is one frame at the end', () => {
    const reader = createFrameReader('json');
    for (const byte of singles(bytes('{"a":"ü"}'))) expect(reader.push(byte)).toEqual([]);
    expect(reader.finish()).toEqual([{ event: '', data: '{"a":"ü"}' }]);
  });

  it('is no frame when it is empty', () => {
    expect(readAll('json', [])).toEqual([]);
  });
});

describe('AWS event streams', () => {
  function header(name: string, kind: number, value: Buffer): Buffer {
    return Buffer.concat([Buffer.from([name.length]), bytes(name), Buffer.from([kind]), value]);
  }

  function sized(text: string | Buffer): Buffer {
    const value = Buffer.from(text);
    const size = Buffer.alloc(2);
    size.writeUInt16BE(value.length);
    return Buffer.concat([size, value]);
  }

  function message(headers: readonly Buffer[], payload: string): Buffer {
    const head = Buffer.concat(headers);
    const whole = Buffer.alloc(16 + head.length + Buffer.byteLength(payload));
    whole.writeUInt32BE(whole.length, 0);
    whole.writeUInt32BE(head.length, 4);
    whole.writeUInt32BE(crc32(whole.subarray(0, 8)), 8);
    head.copy(whole, 12);
    whole.write(payload, 12 + head.length);
    whole.writeUInt32BE(crc32(whole.subarray(0, -4)), whole.length - 4);
    return whole;
  }

  const text = (name: string, value: string): Buffer => header(name, 7, sized(value));
  const start = message([text(':message-type', 'event'), text(':event-type', 'messageStart')], '{"role":"assistant"}');
  const delta = message([text(':event-type', 'contentBlockDelta')], '{"delta":{"text":"grüße 🚀"}}');
  const fault = message(
    [text(':message-type', 'exception'), text(':exception-type', 'throttlingException')],
    '{"message":"slow"}',
  );

  it('gives event type, headers and payload wherever the bytes are cut', () => {
    const whole = Buffer.concat([start, delta, fault]);
    const expected = [
      {
        event: 'messageStart',
        data: '{"role":"assistant"}',
        headers: { ':message-type': 'event', ':event-type': 'messageStart' },
      },
      {
        event: 'contentBlockDelta',
        data: '{"delta":{"text":"grüße 🚀"}}',
        headers: { ':event-type': 'contentBlockDelta' },
      },
      {
        event: 'throttlingException',
        data: '{"message":"slow"}',
        headers: { ':message-type': 'exception', ':exception-type': 'throttlingException' },
      },
    ];
    const plain = (frames: Frame[]) => frames.map((frame) => ({ ...frame, headers: { ...frame.headers } }));
    expect(plain(readAll('aws-event-stream', [whole]))).toEqual(expected);
    expect(plain(readAll('aws-event-stream', singles(whole)))).toEqual(expected);
    for (let offset = 1; offset < whole.length; offset++)
      expect(plain(readAll('aws-event-stream', cutAt(whole, offset)))).toEqual(expected);
  });

  it('reads every type of header as text', () => {
    const number = (size: number, write: (into: Buffer) => void) => {
      const value = Buffer.alloc(size);
      write(value);
      return value;
    };
    const whole = message(
      [
        header('yes', 0, Buffer.alloc(0)),
        header('no', 1, Buffer.alloc(0)),
        header('byte', 2, Buffer.from([0xff])),
        header(
          'short',
          3,
          number(2, (into) => into.writeInt16BE(-300)),
        ),
        header(
          'int',
          4,
          number(4, (into) => into.writeInt32BE(70_000)),
        ),
        header(
          'long',
          5,
          number(8, (into) => into.writeBigInt64BE(9_007_199_254_740_993n)),
        ),
        header('bytes', 6, sized(Buffer.from([0, 255]))),
        header(
          'time',
          8,
          number(8, (into) => into.writeBigInt64BE(1_700_000_000_000n)),
        ),
        header('uuid', 9, Buffer.from('00112233445566778899aabbccddeeff', 'hex')),
        text('__proto__', 'harmless'),
      ],
      '',
    );
    const [frame] = readAll('aws-event-stream', [whole]);
    expect(Object.entries(frame?.headers ?? {})).toEqual([
      ['yes', 'true'],
      ['no', 'false'],
      ['byte', '-1'],
      ['short', '-300'],
      ['int', '70000'],
      ['long', '9007199254740993'],
      ['bytes', 'AP8='],
      ['time', '1700000000000'],
      ['uuid', '00112233-4455-6677-8899-aabbccddeeff'],
      ['__proto__', 'harmless'],
    ]);
    expect(frame).toMatchObject({ event: '', data: '' });
  });

  it('fails with ERR_PROVIDER_STREAM for every flipped bit, after the messages ahead of it', () => {
    for (let index = 0; index < delta.length; index++) {
      const broken = Buffer.from(delta);
      broken[index] = (broken[index] as number) ^ 1;
      const reader = createFrameReader('aws-event-stream');
      expect(reader.push(Buffer.concat([start, broken]))).toHaveLength(1);
      expect(() => reader.finish()).toThrow(expect.objectContaining({ code: 'ERR_PROVIDER_STREAM' }));
    }
  });

  it('fails for a message cut off, one that is too long, and headers that do not fit', () => {
    const failure = expect.objectContaining({ code: 'ERR_PROVIDER_STREAM' });
    expect(() => readAll('aws-event-stream', [start.subarray(0, -1)])).toThrow(failure);
    expect(() => readAll('aws-event-stream', [start.subarray(0, 5)])).toThrow(failure);
    expect(() => readAll('aws-event-stream', [start], 20)).toThrow(failure);
    expect(() => readAll('aws-event-stream', [message([header('n', 7, Buffer.from([0xff, 0xff]))], '')])).toThrow(
      failure,
    );
    expect(() => readAll('aws-event-stream', [message([header('n', 42, Buffer.alloc(0))], '')])).toThrow(failure);
    expect(() => readAll('aws-event-stream', [message([Buffer.from([9, 97])], '')])).toThrow(failure);
    const prelude = Buffer.alloc(12);
    prelude.writeUInt32BE(20, 0);
    prelude.writeUInt32BE(100, 4);
    prelude.writeUInt32BE(crc32(prelude.subarray(0, 8)), 8);
    expect(() => readAll('aws-event-stream', [prelude])).toThrow(failure);
  });
});
