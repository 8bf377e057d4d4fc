/** Requests whose body is bad: no JSON, no UTF-8, too deep, wrong types, wrong names. */
import { afterAll, describe, expect, it } from 'vitest';
import {
  canaries,
  chatBody,
  expectHealthy,
  expectRefusal,
  post,
  postChat,
  type Refusal,
  startEdge,
} from './edge-bench.ts';

const edge = await startEdge();
const { gateway, vendor, send } = edge;

afterAll(() => gateway.stop());

interface Case extends Refusal {
  readonly title: string;
  readonly bytes: string | Buffer;
}

const invalid = (title: string, body: string | Buffer, says: string | RegExp): Case => ({
  title,
  bytes: postChat(body),
  says,
  status: 400,
  code: 'ERR_REQUEST_INVALID',
});

const secret = canaries.content;
const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;
const chatWith = (rest: string) => `{"model":"house","messages":[{"role":"user","content":"${secret}"}],${rest}}`;
const bytes = (...parts: readonly (string | readonly number[])[]) =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from(part))));

const syntax: readonly Case[] = [
  invalid('nothing', '', 'empty; expected a JSON object'),
  invalid('spaces', '   ', 'expected a whole JSON object'),
  invalid('words', secret, /found "C" at byte 0, expected "{"/),
  invalid('HTML', '<html>', 'found "<" at byte 0'),
  invalid('an array', '[1]', 'a JSON array; expected an object'),
  invalid('a string', `"${secret}"`, /found "\\"" at byte 0/),
  invalid('a number', '12', 'found "1" at byte 0'),
  invalid('null', 'null', 'found "n" at byte 0'),
  invalid('two objects', '{}{}', 'found "{" at byte 2, expected the end'),
  invalid('an object and more', '{} x', 'found "x" at byte 3, expected the end'),
  invalid('half an object', `{"model":"house","messages":[{"content":"${secret}"`, 'ends inside a JSON value'),
  invalid('half a string', `{"model":"${secret}`, 'string that begins at byte 9 never ends'),
  invalid('a missing comma', '{"model":"house" "messages":[]}', /expected "," or "}"|stands|no value/),
  invalid('a missing comma further in', `{"messages":[{"content":"${secret}" "role":1}]}`, 'expected "," or "}"'),
  invalid('a comma too many', '{"model":"house","messages":[1,]}', 'found "]" at byte 31, expected a value'),
  invalid('a comma at the end', '{"model":"house",}', 'found "}" at byte 17, expected a key in quotes'),
  invalid('a missing colon', '{"model" "house"}', /no value, at byte|expected ":"/),
  invalid('a missing value', '{"model":}', /no value, at byte/),
  invalid('a key without quotes', '{model:"house"}', 'found "m" at byte 1, expected a key in quotes'),
  invalid('single quotes', "{'model':'house'}", /found "'" at byte 1, expected a key in quotes/),
  invalid('a comment', '{"model":"house"/* hi */}', 'found "/" at byte 16, expected "," or "}"'),
  invalid('a wrong bracket', '{"model":[1}', 'Unbalanced bracket in the JSON body at byte 11'),
  invalid('NaN', chatWith('"temperature":NaN'), /found "N" at byte \d+, expected a value/),
  invalid('Infinity', chatWith('"temperature":-Infinity'), /found "-" at byte \d+, expected a value/),
  invalid('a leading zero', chatWith('"seed":012'), /found "1" at byte \d+, expected "," or "}"/),
  invalid('a hexadecimal number', chatWith('"seed":0x10'), /found "x" at byte/),
  invalid('a word cut short', chatWith('"stream":tru'), /found "t" at byte \d+, expected a value/),
  invalid('an unknown escape', '{"model":"\\x41"}', 'found "x" at byte 11, expected one of'),
  invalid('half an escape', '{"model":"\\u12G4"}', 'expected four hex digits after it'),
  invalid('a bare NUL', '{"model":"ho\0use"}', 'control character 0 at byte 12, expected it escaped'),
  invalid('a bare line feed in a string', '{"model":"ho\nuse"}', 'control character 10 at byte 12'),
  invalid('a byte order mark', `\ufeff${chatBody()}`, 'a byte order mark at byte 0'),
  invalid('UTF-16', Buffer.from(chatBody(), 'utf16le'), /control character 0|not a JSON object|goes on after/),
  invalid('bytes that begin no character', bytes('{"model":"', [0xff], '"}'), 'not valid UTF-8 at byte 10'),
  invalid('half a character', bytes('{"model":"', [0xe2, 0x82], '"}'), 'not valid UTF-8 at byte 10'),
  invalid('a character spelt too long', bytes('{"model":"abc', [0xc0, 0xaf], '"}'), 'not valid UTF-8 at byte 13'),
  invalid('a surrogate in UTF-8', bytes('{"model":"', [0xed, 0xa0, 0x80], '"}'), 'not valid UTF-8 at byte 10'),
  invalid('gzip that nobody announced', bytes([0x1f, 0x8b, 8, 0, 0, 0, 0, 0]), 'not valid UTF-8 at byte 1'),
];

const shape: readonly Case[] = [
  invalid('101 levels', chatWith(`"x":${nested(100)}`), 'deeper than 100 levels, at byte'),
  invalid('a hundred thousand levels', chatWith(`"x":${nested(100_000)}`), 'deeper than 100 levels'),
  invalid(
    'a hundred thousand objects in each other',
    `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`,
    'deeper than 100',
  ),
  { ...invalid('a field twice', chatWith('"model":"other"'), '"model" stands twice'), param: 'model' },
  {
    ...invalid('a field twice, once escaped', chatWith('"mod\\u0065l":"other"'), '"model" stands twice'),
    param: 'model',
  },
  { ...invalid('a prototype twice', chatWith('"__proto__":1,"__proto__":2'), 'stands twice'), param: '__proto__' },
  invalid(
    '1,025 fields',
    chatWith(Array.from({ length: 1025 }, (_, at) => `"f${at}":1`).join()),
    'more than 1024 top-level fields',
  ),
  { ...invalid('no model', '{"messages":[]}', 'model: found nothing, expected the name of a model'), param: 'model' },
  invalid(
    'a model by prototype',
    '{"__proto__":{"model":"house"},"messages":[{"role":"user","content":"x"}]}',
    'model: found nothing',
  ),
  invalid('no messages', '{"model":"house"}', 'messages: found nothing, expected an array'),
  ...[
    [
      'a model nobody offers',
      '{"model":"nope","messages":[{"role":"user","content":"x"}]}',
      'model=nope. Call /v1/models',
    ] as const,
    [
      'a model of half a character',
      '{"model":"\\ud800","messages":[{"role":"user","content":"x"}]}',
      'model=',
    ] as const,
    [
      'a model that is a path',
      '{"model":"../../etc/passwd","messages":[{"role":"user","content":"x"}]}',
      'etc/passwd',
    ] as const,
    [
      'a model named after a prototype',
      '{"model":"__proto__","messages":[{"role":"user","content":"x"}]}',
      '__proto__',
    ] as const,
    [
      'a model with line ends',
      '{"model":"a\\r\\nx-evil: 1","messages":[{"role":"user","content":"x"}]}',
      'Call /v1/models',
    ] as const,
    [
      'a model of 300 characters',
      `{"model":"${'m'.repeat(300)}","messages":[{"role":"user","content":"x"}]}`,
      'found 300 characters, expected at most 256',
    ] as const,
  ].map(([title, body, says]) => ({
    title,
    bytes: postChat(body),
    says,
    status: 400,
    code: 'ERR_REQUEST_UNKNOWN_MODEL',
    param: 'model',
  })),
];

/** Field, a value of the wrong type or range as JSON, what was expected. */
type Wrong = readonly [field: string, value: string, expected: string];

const numbers = ['temperature', 'top_p', 'presence_penalty', 'frequency_penalty'].flatMap((field): Wrong[] => [
  [field, '"hot"', 'a number'],
  [field, '1e400', 'a number'],
]);
const counts = ['max_tokens', 'max_completion_tokens', 'n'].flatMap((field): Wrong[] =>
  ['0', '-1', '1.5', '"5"', '1e400'].map((value) => [field, value, 'a whole number above 0'] as const),
);
const chatFields: readonly Wrong[] = [
  ...numbers,
  ...counts,
  ['model', '5', 'the name of a model'],
  ['model', '{"toString":1}', 'the name of a model'],
  ['messages', '"hello"', 'an array of at least one message'],
  ['messages', '[]', 'an array of at least one message'],
  ['messages[0]', '[null]', 'an object with role and content'],
  ['messages[0].role', '[{"role":"robot","content":"x"}]', 'one of system'],
  ['messages[0].role', '[{"role":"__proto__","content":"x"}]', 'one of system'],
  ['messages[0].content', '[{"role":"user"}]', 'a string, an array of parts'],
  ['messages[0].content', '[{"role":"user","content":5}]', 'a string, an array of parts'],
  ['messages[0].content[0]', '[{"role":"user","content":["x"]}]', 'an object with a type'],
  ['messages[0].content[0].type', '[{"role":"user","content":[{"text":"x"}]}]', 'a string'],
  ['messages[0].content[0].text', '[{"role":"user","content":[{"type":"text","text":1}]}]', 'a string'],
  ['messages[0].content[0].image_url', '[{"role":"user","content":[{"type":"image_url"}]}]', 'an object with url'],
  [
    'messages[0].content[0].image_url.url',
    '[{"role":"user","content":[{"type":"image_url","image_url":{}}]}]',
    'a string',
  ],
  ['messages[0].content[0].file', '[{"role":"user","content":[{"type":"file","file":"x"}]}]', 'an object'],
  ['messages[0].tool_call_id', '[{"role":"tool","content":"x"}]', 'the id of the tool call'],
  ['messages[0].tool_calls', '[{"role":"assistant","tool_calls":{}}]', 'an array'],
  ['messages[0].tool_calls[0].id', '[{"role":"assistant","tool_calls":[{}]}]', 'a string'],
  [
    'messages[0].tool_calls[0].function.arguments',
    '[{"role":"assistant","tool_calls":[{"id":"a","function":{"name":"f","arguments":{}}}]}]',
    'a string of JSON',
  ],
  ['stream', '"yes"', 'true or false'],
  ['stream', '1', 'true or false'],
  ['stream_options', '1', 'an object'],
  ['stream_options.include_usage', '{"include_usage":"yes"}', 'true or false'],
  ['stop', '[1]', 'a string or an array of strings'],
  ['seed', '1.5', 'a whole number'],
  ['logprobs', '1', 'true or false'],
  ['top_logprobs', '"2"', 'a whole number'],
  ['parallel_tool_calls', '"no"', 'true or false'],
  ['tools', '{}', 'an array'],
  ['tools[0].type', '[{}]', 'a string such as'],
  ['tools[0].function.name', '[{"type":"function","function":{}}]', 'the name of a function'],
  [
    'tools[0].function.parameters',
    '[{"type":"function","function":{"name":"f","parameters":[]}}]',
    'a JSON Schema object',
  ],
  ['tool_choice', '1', 'none, auto, required'],
  ['response_format', '"json"', 'an object with a type'],
  ['reasoning_effort', '1', 'a string'],
  ['user', '5', 'a string'],
  ['num_retries', '"many"', 'a whole number, 0 or more'],
  ['num_retries', '-1', 'a whole number, 0 or more'],
  ['timeout', '0', 'a number of seconds above 0'],
  ['timeout', '1e400', 'a number of seconds above 0'],
  ['fallbacks', '"gpt"', 'an array'],
  ['fallbacks[0]', '[5]', 'a model name or an object'],
  ['context_window_fallbacks', '{}', 'an array'],
  ['content_policy_fallbacks', '1', 'an array'],
  ['disable_fallbacks', '"no"', 'true or false'],
  ['tags', '"a"', 'an array of strings'],
  ['metadata', '[]', 'an object'],
  ['metadata.tags', '{"tags":[1]}', 'an array of strings'],
  ['litellm_metadata', '"x"', 'an object'],
  ['cache', 'true', 'an object'],
];
const completionFields: readonly Wrong[] = [
  ['prompt', '{}', 'a string, or an array of strings or tokens'],
  ['prompt', '["a",1]', 'a string, or an array of strings or tokens'],
  ['best_of', '0', 'a whole number above 0'],
  ['echo', '1', 'true or false'],
  ['suffix', '1', 'a string'],
  ['logprobs', 'true', 'a whole number'],
];
const embeddingFields: readonly Wrong[] = [
  ['input', '""', 'a string, an array of strings'],
  ['input', '[]', 'a string, an array of strings'],
  ['input', '[1.5]', 'a string, an array of strings'],
  ['dimensions', '0', 'a whole number above 0'],
  ['encoding_format', '"hex"', '"float" or "base64"'],
  ['user', '{}', 'a string'],
];

/** A sound body with one field replaced by the text of another value. */
function replaced(sound: Readonly<Record<string, unknown>>, path: string, json: string): string {
  const [field = ''] = path.split(/[.[]/);
  const { [field]: _, ...rest } = sound;
  return `{${JSON.stringify(rest).slice(1, -1)},${JSON.stringify(field)}:${json}}`;
}

const wrong = (where: string, sound: Readonly<Record<string, unknown>>, fields: readonly Wrong[]): Case[] =>
  fields.map(([path, json, expected]) => ({
    title: `${path} in ${where} as ${json.slice(0, 40)}`,
    bytes: post(where, replaced(sound, path, json)),
    says: expected,
    status: 400,
    code: 'ERR_REQUEST_INVALID',
    param: path,
  }));

const types = [
  ...wrong('/v1/chat/completions', { model: 'house', messages: [{ role: 'user', content: secret }] }, chatFields),
  ...wrong('/v1/completions', { model: 'house', prompt: secret }, completionFields),
  ...wrong('/v1/embeddings', { model: 'house', input: secret }, embeddingFields),
];

describe('a body is refused for', () => {
  it.each([...syntax, ...shape, ...types])('$title', async (one) => {
    expectRefusal(await send(one.bytes), one);
  });

  it('what it lacks, without a word to the vendor', () => {
    expect(vendor.requests).toEqual([]);
  });
});

describe('a body reaches the vendor byte for byte although', () => {
  const served: readonly (readonly [string, string])[] = [
    ['it has a prototype among its fields', chatWith('"__proto__":{"stream":true,"polluted":true}')],
    ['it has a constructor among its fields', chatWith('"constructor":{"prototype":{"stream":true}}')],
    ['it has a prototype further in', chatWith('"metadata2":{"__proto__":{"polluted":true}}')],
    ['half a character is escaped in it', '{"model":"house","messages":[{"role":"user","content":"\\udc00 \\u0000"}]}'],
    ['its numbers are larger than any program holds', chatWith('"seed":123456789012345678901234567890')],
    ['it is nested 100 levels deep', chatWith(`"x":${nested(99)}`)],
    ['nobody knows its fields', chatWith('"hasOwnProperty":1,"toString":null,"":[]')],
  ];

  it.each(served)('%s', async (_title, body) => {
    const before = vendor.requests.length;
    const { replies } = await send(postChat(body));
    expect(replies[0]?.status).toBe(200);
    // A stream would have come if a prototype had become the body's own.
    expect(replies[0]?.headers['content-type']).toBe('application/json');
    const sent = vendor.requests[before]?.body.toString();
    expect(sent).toBe(body.replace('"model":"house"', '"model":"gpt-4o-mini"'));
  });
});

it('is as healthy afterwards as before, and has told nobody a secret', async () => {
  await expectHealthy(edge);
  expect(edge.leaks()).toEqual([]);
  expect(gateway.log().filter(({ level }) => Number(level) >= 50)).toEqual([]);
});
