import { expect, it } from 'vitest';
import { artefact, location, secret, z } from '../contract/plugin.ts';
import { tellUnportable, unportableIn } from './portable.ts';

const told = (shape: z.ZodRawShape) =>
  unportableIn(z.strictObject(shape)).map(({ path, found }) => `${path}: ${found}`);

it('finds nothing in what JSON Schema carries', () => {
  const tree: z.ZodType = z.object({
    name: z.string(),
    get children() {
      return z.array(tree);
    },
  });
  expect(
    told({
      text: z
        .string()
        .min(1)
        .max(9)
        .regex(/^[a-z]+$/)
        .startsWith('a')
        .default('a')
        .describe('x'),
      number: z.int().min(1).multipleOf(2).optional(),
      float: z.float32().positive().nullable(),
      address: z.url().meta({ title: 'x' }),
      date: z.iso.datetime(),
      mail: z.email(),
      choice: z.enum(['a', 'b']).prefault('a'),
      literal: z.literal(['a', 1, true, null]),
      pair: z.tuple([z.string(), z.number()], z.boolean()),
      record: z.record(z.enum(['x']), z.unknown()).readonly(),
      either: z.union([z.string(), z.strictObject({ a: z.int() })]),
      kind: z.discriminatedUnion('t', [z.object({ t: z.literal('a') }), z.looseObject({ t: z.literal('b') })]),
      both: z.intersection(z.object({ a: z.any() }), z.object({ b: z.never().optional() })),
      later: z.lazy(() => tree),
      tree,
      secrets: z.array(secret().describe('x')).optional(),
      place: location(),
      weights: artefact(),
    }),
  ).toEqual([]);
});

const text = z.string();
it.each([
  ['a refinement', z.number().refine((value) => value > 1), 'a refinement'],
  ['a refinement of several options', z.strictObject({ a: text }).superRefine(() => {}), 'a refinement'],
  ['a transform', text.transform(Number), 'a transform'],
  ['a transform below a default', text.transform(Number).default(1), 'a transform'],
  ['a preprocess', z.preprocess(String, text), 'a preprocess'],
  ['a pipe', text.pipe(z.email()), 'a pipe'],
  ['a codec', z.codec(text, z.number(), { decode: Number, encode: String }), 'a codec'],
  ['a switch in words', z.stringbool(), 'a codec'],
  ['a coercion', z.coerce.number(), 'a coercion to number'],
  ['a trimmed text', text.trim(), 'a check that changes the value, such as .trim() or .toLowerCase()'],
  ['a normalised text', text.normalize(), 'a check that changes the value, such as .trim() or .toLowerCase()'],
  ['a pattern that knows no case', text.regex(/^a$/i), 'a pattern with the flags "i"'],
  ['a format of its own', z.stringFormat('even', (value) => value.length % 2 === 0), 'the custom format even'],
  ['an address of one host', z.url({ hostname: /^a$/ }), 'a bound on the host or the protocol of an address'],
  ['a date', z.date(), 'the type date'],
  ['a bigint', z.bigint(), 'the type bigint'],
  ['a map', z.map(text, text), 'the type map'],
  ['a set', z.set(text), 'the type set'],
  ['undefined', z.undefined(), 'the type undefined'],
  ['a symbol', z.symbol(), 'the type symbol'],
  ['a literal bigint', z.literal(1n), 'the literal 1'],
  ['a caught mistake', text.catch('x'), 'the type catch'],
  ['a class', z.instanceof(Map), 'a check of its own, z.custom() or z.instanceof()'],
  [
    'a custom type that looks like a secret',
    z.custom(() => true).meta({ type: 'string' }),
    'a check of its own, z.custom() or z.instanceof()',
  ],
])('finds %s', (_title, schema, found) => {
  expect(told({ limits: z.object({ max: schema as z.ZodType }) })).toEqual([`config.limits.max: ${found}`]);
});

it('says where, at any depth, and at each of several places', () => {
  const bad = text.refine(() => true);
  expect(
    told({
      list: z.array(bad),
      map: z.record(text, z.object({ deep: bad })),
      pair: z.tuple([text, bad], bad),
      either: z.union([text, bad]).nullable(),
      rest: z.object({}).catchall(bad),
      lazy: z.lazy(() => bad),
    }).map((line) => line.split(': ')[0]),
  ).toEqual([
    'config.list[]',
    'config.map.*.deep',
    'config.pair[1]',
    'config.pair[]',
    'config.either',
    'config.rest.*',
    'config.lazy',
  ]);
});

it('says what to use instead', () => {
  const [first] = unportableIn(z.strictObject({ day: z.date() }));
  expect(first && tellUnportable(first)).toBe(
    'config.day: found the type date, which JSON Schema cannot carry; take a text, as z.iso.datetime(), and make the date in `setup`.',
  );
});

it('tells of all options together', () => {
  expect(unportableIn(z.strictObject({ a: text }).refine(() => true)).map(({ path }) => path)).toEqual(['config']);
});

it('stops at twenty places', () => {
  expect(told(Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`o${index}`, z.date()])))).toHaveLength(20);
});

it('ends for schemas that hold themselves, sound or not', () => {
  const node: z.ZodType = z.object({
    when: z.date(),
    get next() {
      return node.optional();
    },
  });
  expect(told({ node })).toEqual(['config.node.when: the type date']);
});
