import { RutterError } from '@rutter/plugin-sdk';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { editFields } from './edit.ts';
import { readJsonBody } from './json-body.ts';
import { scanObject } from './json-scan.ts';

const bytes = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
const refused = (text: string) => {
  try {
    scanObject(bytes(text));
  } catch (error) {
    return RutterError.is(error) ? error.message : String(error);
  }
  return undefined;
};

describe('the scan of a JSON object', () => {
  it('finds the same top-level fields as a parse, whatever the values', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 4 })), fc.boolean(), (value, isSpaced) => {
        const text = isSpaced ? JSON.stringify(value, undefined, 2) : JSON.stringify(value);
        const source = bytes(text);
        const found = Object.fromEntries(
          scanObject(source).spans.map((span) => [
            span.key,
            JSON.parse(source.toString('utf8', span.valueStart, span.end)),
          ]),
        );
        expect(found).toEqual(JSON.parse(text));
      }),
      { numRuns: 500 },
    );
  });

  it('gives the same spans when it is run in slices of any size', () => {
    const source = bytes({ model: 'a"b\\', messages: [{ content: 'x'.repeat(300) }, { y: [1, { z: '\\"' }] }], n: 1 });
    const whole = scanObject(source).spans;
    for (const size of [1, 7, 64]) {
      const scan = new (scanObject(source).constructor as new (b: Buffer) => ReturnType<typeof scanObject>)(source);
      while (!scan.run(size));
      expect(scan.spans).toEqual(whole);
    }
  });

  it('refuses what is not one balanced object', () => {
    expect(refused('[1]')).toMatch(/array; expected an object/);
    expect(refused('"x"')).toMatch(/not a JSON object/);
    expect(refused('{"a":1')).toMatch(/ends inside/);
    expect(refused('{"a":[1}')).toMatch(/Unbalanced/);
    expect(refused('{"a":1}{"b":2}')).toMatch(/goes on after/);
    expect(refused('{"a":"x')).toMatch(/never ends/);
    expect(refused('{"a":}')).toMatch(/has no value/);
  });

  it('refuses nesting beyond 100 levels and takes 100', () => {
    const nested = (levels: number) => `{"a":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`;
    expect(refused(nested(100))).toBeUndefined();
    expect(refused(nested(101))).toMatch(/deeper than 100/);
    expect(refused(nested(200_000))).toMatch(/deeper than 100/);
  });

  it('refuses a field that stands twice, however it is spelt', () => {
    expect(refused('{"model":"a","model":"b"}')).toMatch(/stands twice/);
    expect(refused('{"model":"a","mod\\u0065l":"b"}')).toMatch(/stands twice/);
  });
});

describe('edits of a body', () => {
  it('change only what they name', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.stringMatching(/^[a-z"\\]{1,6}$/), fc.jsonValue()),
        fc.dictionary(fc.stringMatching(/^[a-z]{1,3}$/), fc.jsonValue()),
        fc.array(fc.stringMatching(/^[a-z]{1,2}$/)),
        (value, set, remove) => {
          const source = bytes(value);
          const edited = editFields(source, scanObject(source).spans, { set, remove });
          const expected = {
            ...Object.fromEntries(
              Object.entries(JSON.parse(source.toString()) as object).filter(
                ([key]) => !remove.includes(key) || key in set,
              ),
            ),
            ...set,
          };
          expect(JSON.parse(edited.toString())).toEqual(JSON.parse(JSON.stringify(expected)));
        },
      ),
    );
  });

  it('leave the bytes of untouched fields as they came', () => {
    const source = bytes('{ "model" : "a",\n  "seed": 1.50e1, "x":"\\u00e9" }');
    const edited = editFields(source, scanObject(source).spans, { set: { model: 'b' } }).toString();
    expect(edited).toBe('{"model":"b","seed": 1.50e1, "x":"\\u00e9"}');
  });
});

describe('a body', () => {
  it('keeps __proto__ as a plain field', async () => {
    const body = await readJsonBody(bytes('{"__proto__":{"polluted":true},"model":"m"}'));
    expect(Object.hasOwn(body.fields, '__proto__')).toBe(true);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it('is refused when it is empty, not UTF-8 or not JSON', () => {
    expect(() => readJsonBody(Buffer.alloc(0))).toThrow(/empty/);
    expect(() => readJsonBody(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]))).toThrow(/UTF-8/);
    expect(() => readJsonBody(bytes('{"a":tru}'))).toThrow(/not valid JSON/);
  });
});

describe('a body beyond 1 MiB', () => {
  const image = `data:image/png;base64,${'iVBOR/+w'.repeat(200_000)}`;
  const value = {
    model: 'm',
    messages: [
      {
        role: 'user',
        content: [
          { type: 'image_url', image_url: { url: image } },
          { type: 'text', text: `é${'long "text"\n'.repeat(20_000)}` },
        ],
      },
      ...Array.from({ length: 20_000 }, (_, index) => ({ role: 'user', content: `turn ${index} ü` })),
    ],
    temperature: 0.5,
  };

  it('reads to values whose long strings are stand-ins, and writes them back whole', async () => {
    const body = await readJsonBody(bytes(value));
    const text = JSON.stringify(body.fields);
    expect(text.length).toBeLessThan(1_200_000);
    expect(text).toContain('data:image/png;base64,');
    const written = Buffer.from(await body.write(body.fields)).toString();
    expect(JSON.parse(written)).toEqual(value);
  });

  it('lets a codec take a data URL apart and still sends every byte', async () => {
    const body = await readJsonBody(bytes(value));
    const url = (body.fields as typeof value).messages[0]?.content as { image_url: { url: string } }[];
    const data = (url[0] as { image_url: { url: string } }).image_url.url.slice('data:image/png;base64,'.length);
    const written = JSON.parse(Buffer.from(await body.write({ source: { data } })).toString()) as {
      source: { data: string };
    };
    expect(written.source.data).toBe(image.slice('data:image/png;base64,'.length));
    expect(body.whole(data)).toBe(image.slice('data:image/png;base64,'.length));
  });

  it('holds the event loop for less than 100 ms at 32 MB', async () => {
    const large = bytes({
      ...value,
      messages: [
        {
          role: 'user',
          content: [{ type: 'image_url', image_url: { url: `data:image/png;base64,${'A'.repeat(31_000_000)}` } }],
        },
      ],
    });
    let worst = 0;
    // This thread's own processor time between two turns: what others do on the machine does not count.
    let last = process.threadCpuUsage();
    const ticker = setInterval(() => {
      const { user, system } = process.threadCpuUsage(last);
      worst = Math.max(worst, (user + system) / 1000);
      last = process.threadCpuUsage();
    }, 1);
    const body = await readJsonBody(large);
    await body.write(body.fields);
    await new Promise((resolve) => setTimeout(resolve, 5));
    clearInterval(ticker);
    expect(worst).toBeLessThan(100);
  });
});
