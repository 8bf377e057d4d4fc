/** Conversations, what vendors are told of them, and what their models say. */
import { type Chat, user } from './client.ts';
import { type Asked, emptyTurn, type Truth, type Turn } from './truth.ts';

export interface Scenario {
  /** Names it in the compatibility table. */
  readonly title: string;
  readonly chat: Chat;
  readonly truth: Truth;
  /** What every vendor must have been asked, as far as it matters here. */
  readonly asked?: Partial<Asked>;
  /** How the conversation goes on. */
  readonly further?: readonly Step[];
}

/** What a client adds to its history, and what the model says then. */
export interface Step {
  /** To the calls of the reply before, in their order. */
  readonly answers?: readonly { readonly text: string; readonly isError?: true }[];
  readonly says?: string;
  readonly truth: Truth;
}

export const tokens = { prompt: 31, completion: 12, cached: 0, reasoning: 0 };

export const turn = (role: Turn['role'], rest: Partial<Turn>): Turn => ({
  role,
  ...emptyTurn,
  ...rest,
});

export const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const paper = Buffer.from('%PDF-1.7\n%âãÏÓ\n1 0 obj\n<<>>\nendobj\n').toString('base64');
/** Stands for a server of pictures. */
export const pictures = 'https://pictures.example';
const pictured = `${pictures}/a%20b.png?size=1&x=2`;

export const weather = {
  type: 'function' as const,
  function: {
    name: 'get_weather',
    description: 'The weather of a city.',
    parameters: {
      type: 'object',
      properties: { city: { type: 'string' }, days: { type: 'integer', minimum: 1 } },
      required: ['city'],
    },
  },
};
export const clock = {
  type: 'function' as const,
  function: { name: 'get_time', parameters: { type: 'object', properties: {} } },
};

const schema = {
  type: 'object',
  properties: {
    city: { type: 'string' },
    degrees: { type: 'number' },
    words: { type: 'array', items: { type: 'string' } },
  },
  required: ['city', 'degrees', 'words'],
  additionalProperties: false,
};

export const paris = { id: 'call_paris_1', name: 'get_weather', input: { city: 'Paris “est”', days: 2 } };
export const rome = { id: 'call_rome_2', name: 'get_weather', input: { city: 'Roma\n\\', days: 1 } };

export const noon = { id: 'call_time', name: 'get_time', input: {} };

const called = ({ id, name, input }: { id: string; name: string; input: unknown }) => ({
  id,
  type: 'function' as const,
  function: { name, arguments: JSON.stringify(input) },
});

const list = { type: 'array', items: { anyOf: [{ type: 'integer' }, { type: 'object' }] } };

const mark = { cache_control: { type: 'ephemeral' } };

const plain: readonly Scenario[] = [
  {
    title: 'Text',
    chat: { messages: [user('Hello.')] },
    truth: { text: 'Good day to you.', finish: 'stop', tokens },
    asked: { system: '', turns: [turn('user', { text: 'Hello.' })], tools: [], choice: 'auto' },
  },
  {
    title: 'Any script, emoji, quotes and control characters',
    chat: { messages: [user('「日本」 \u2028 🧭🏽 "q" \\ \u0007')] },
    truth: { text: '答え: 🧭🏽 “naïve” \u2028\u0007\\ "x"\n\ttab', finish: 'stop', tokens },
    asked: { turns: [turn('user', { text: '「日本」 \u2028 🧭🏽 "q" \\ \u0007' })] },
  },
  {
    title: 'System and developer messages, and turns',
    chat: {
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'developer', content: 'Be kind.' },
        user('One?'),
        { role: 'assistant', content: 'One.' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'Two' },
            { type: 'text', text: '?' },
          ],
        },
      ],
    },
    truth: { text: 'Two.', finish: 'stop', tokens },
    asked: {
      system: 'Be brief.|Be kind.',
      turns: [turn('user', { text: 'One?' }), turn('assistant', { text: 'One.' }), turn('user', { text: 'Two?' })],
    },
  },
  {
    title: 'Marks of a cache',
    chat: {
      messages: [
        { role: 'system', content: [{ type: 'text', text: 'A long book.', ...mark }] },
        { role: 'user', content: [{ type: 'text', text: 'Sum up.', ...mark }] },
      ],
    } as unknown as Chat,
    truth: { text: 'Short.', finish: 'stop', tokens },
    asked: { system: 'A long book.', turns: [turn('user', { text: 'Sum up.' })] },
  },
  {
    title: 'Temperature, stop words and a limit',
    chat: { messages: [user('Count.')], temperature: 0.5, stop: ['END', 'STOP'], max_tokens: 64 },
    truth: { text: '1, 2, 3', finish: 'stop', tokens },
    asked: { temperature: 0.5, stop: ['END', 'STOP'], limit: 64 },
  },
  {
    title: 'Temperature beside top_p',
    chat: { messages: [user('Count.')], temperature: 0.5, top_p: 0.9 },
    truth: { text: '1, 2, 3', finish: 'stop', tokens },
    asked: { temperature: 0.5, topP: 0.9 },
  },
  {
    title: 'A reply cut by its limit',
    chat: { messages: [user('Count on.')], max_completion_tokens: 5, stop: 'END' },
    truth: { text: '1, 2, 3, 4', finish: 'length', tokens },
    asked: { stop: ['END'], limit: 5 },
  },
  {
    title: 'An empty reply',
    chat: { messages: [user('Say nothing.')] },
    truth: { text: '', finish: 'stop', tokens: { ...tokens, completion: 0 } },
  },
  {
    title: 'A refusal',
    chat: { messages: [user('Something bad.')] },
    truth: { text: 'I would', finish: 'content_filter', tokens },
  },
  {
    title: 'Cached and reasoning tokens in usage',
    chat: { messages: [user('Think.')], reasoning_effort: 'low' },
    truth: {
      reasoning: 'Let me think… “yes”.',
      text: 'Yes.',
      finish: 'stop',
      tokens: { prompt: 4_100, completion: 90, cached: 4_000, reasoning: 64 },
    },
  },
];

const tools: readonly Scenario[] = [
  {
    title: 'A tool call',
    chat: { messages: [user('Weather in Paris?')], tools: [weather, clock], tool_choice: 'auto' },
    truth: { calls: [paris], finish: 'tool_calls', tokens },
    asked: {
      choice: 'auto',
      isParallel: true,
      tools: [
        { name: 'get_weather', description: 'The weather of a city.', schema: weather.function.parameters },
        { name: 'get_time', schema: clock.function.parameters },
      ],
    },
  },
  {
    title: 'Parallel tool calls after text',
    chat: { messages: [user('Paris and Rome?')], tools: [weather], tool_choice: 'required' },
    truth: { text: 'I will look. ', calls: [paris, rome], finish: 'tool_calls', tokens },
    asked: { choice: 'required' },
  },
  {
    title: 'A tool by its name, called without arguments',
    chat: {
      messages: [user('What time is it?')],
      tools: [weather, clock],
      tool_choice: { type: 'function', function: { name: 'get_time' } },
    },
    truth: { calls: [noon], finish: 'tool_calls', tokens },
    asked: { choice: 'tool get_time', isParallel: true },
  },
  {
    title: 'One call at a time',
    chat: { messages: [user('Paris and Rome?')], tools: [weather, clock], parallel_tool_calls: false },
    truth: { calls: [paris], finish: 'tool_calls', tokens },
    asked: { choice: 'auto', isParallel: false },
  },
  {
    title: 'Tools that must not be called',
    chat: { messages: [user('Just talk.')], tools: [weather], tool_choice: 'none' },
    truth: { text: 'Fine.', finish: 'stop', tokens },
    asked: { choice: 'none' },
  },
  {
    title: 'Reasoning, text and a call in one reply',
    chat: { messages: [user('Paris?')], tools: [weather], reasoning_effort: 'medium' },
    truth: {
      reasoning: 'They want the weather.',
      text: 'Looking.',
      calls: [paris],
      finish: 'tool_calls',
      tokens: { ...tokens, reasoning: 5 },
    },
  },
  {
    title: 'Answers of parallel tools, and what the user adds',
    chat: {
      tools: [weather],
      messages: [
        user('Paris and Rome?'),
        { role: 'assistant', content: null, tool_calls: [called(paris), called(rome)] },
        { role: 'tool', tool_call_id: paris.id, content: '18 °C' },
        { role: 'tool', tool_call_id: rome.id, content: [{ type: 'text', text: '25 °C' }] },
        user('In one sentence.'),
      ],
    },
    truth: { text: 'Paris has 18 °C and Rome 25 °C.', finish: 'stop', tokens },
    asked: {
      turns: [
        turn('user', { text: 'Paris and Rome?' }),
        turn('assistant', { calls: [paris, rome] }),
        turn('user', {
          text: 'In one sentence.',
          results: [
            { id: paris.id, text: '18 °C' },
            { id: rome.id, text: '25 °C' },
          ],
        }),
      ],
    },
  },
];

const shaped: readonly Scenario[] = [
  {
    title: 'An image inline',
    chat: {
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'What is this?' },
            { type: 'image_url', image_url: { url: `data:image/png;base64,${pixel}` } },
          ],
        },
      ],
    },
    truth: { text: 'A pixel.', finish: 'stop', tokens },
    asked: { turns: [turn('user', { text: 'What is this?', images: [`image/png,${pixel}`] })] },
  },
  {
    title: 'An image by its address',
    chat: {
      messages: [
        {
          role: 'user',
          content: [
            { type: 'image_url', image_url: { url: pictured, detail: 'low' } },
            { type: 'text', text: 'And this?' },
          ],
        },
      ],
    },
    truth: { text: 'A ship.', finish: 'stop', tokens },
    asked: { turns: [turn('user', { text: 'And this?', images: [pictured] })] },
  },
  {
    title: 'A reply in JSON by a schema',
    chat: {
      messages: [user('Weather, as JSON.')],
      response_format: { type: 'json_schema', json_schema: { name: 'weather', schema, strict: true } },
    },
    truth: { text: '{"city":"Paris \\"est\\"","degrees":18.5,"words":["mild","🌦"]}', finish: 'stop', tokens },
    asked: { schema, tools: [], choice: 'auto' },
  },
  {
    title: 'A reply in JSON whose root is a list',
    chat: {
      messages: [user('Two numbers.')],
      response_format: { type: 'json_schema', json_schema: { name: 'numbers', schema: list } },
    },
    truth: { text: '[1,{"a":"b"}]', finish: 'stop', tokens },
    asked: { schema: list },
  },
  {
    title: 'A reply in JSON by a schema, with tools at hand',
    chat: {
      messages: [user('Weather, as JSON.')],
      tools: [weather],
      response_format: { type: 'json_schema', json_schema: { name: 'weather', schema } },
    },
    truth: { text: '{"city":"Rome","degrees":25,"words":[]}', finish: 'stop', tokens },
    asked: { schema },
  },
  {
    title: 'A tool call on the way to a reply in JSON',
    chat: {
      messages: [user('Weather, as JSON.')],
      tools: [weather],
      response_format: { type: 'json_schema', json_schema: { name: 'weather', schema } },
    },
    truth: { calls: [paris], finish: 'tool_calls', tokens },
  },
  {
    title: 'Any JSON object',
    chat: { messages: [user('As JSON.')], response_format: { type: 'json_object' } },
    truth: { text: '{"a":{"b":[null,true]}}', finish: 'stop', tokens },
  },
  {
    title: 'A document',
    chat: {
      messages: [
        {
          role: 'user',
          content: [
            { type: 'file', file: { filename: 'a.pdf', file_data: `data:application/pdf;base64,${paper}` } },
            { type: 'text', text: 'Sum up.' },
          ],
        },
      ],
    },
    truth: { text: 'Short.', finish: 'stop', tokens },
    asked: { turns: [turn('user', { text: 'Sum up.', images: [`application/pdf,${paper}`] })] },
  },
  {
    title: 'Sound',
    chat: {
      messages: [
        {
          role: 'user',
          content: [
            { type: 'input_audio', input_audio: { data: pixel, format: 'wav' } },
            { type: 'text', text: 'What is said?' },
          ],
        },
      ],
    },
    truth: { text: 'Ahoy.', finish: 'stop', tokens },
    asked: { turns: [turn('user', { text: 'What is said?', images: [`audio/wav,${pixel}`] })] },
  },
];

export const scenarios: readonly Scenario[] = [...plain, ...tools, ...shaped];
