/** Chat requests as clients send them: plain ones, ones with every feature, and odd ones that are still legal. */
import type { ChatReply, ChatRequest, Message, Tool } from '../contract/chat.ts';
import { chatReply, chatRequest } from './fixtures.ts';

export interface Sample<T> {
  readonly name: string;
  readonly value: T;
}

/** The smallest PNG: one transparent pixel. */
const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

export const weatherTool: Tool = {
  name: 'get_weather',
  description: 'Tells the weather of a place.',
  parameters: { type: 'object', properties: { place: { type: 'string' } }, required: ['place'] },
};

const toolTurns: readonly Message[] = [
  { role: 'user', content: 'Weather in Oslo and Rome?' },
  {
    role: 'assistant',
    content: '',
    toolCalls: [
      { id: 'call_a', name: 'get_weather', arguments: '{"place":"Oslo"}' },
      { id: 'call_b', name: 'get_weather', arguments: '{"place":"Rome"}' },
    ],
  },
  { role: 'tool', toolCallId: 'call_a', content: 'rain' },
  { role: 'tool', toolCallId: 'call_b', content: 'no station answers', isError: true },
];

const withMessages = (...messages: Message[]) => chatRequest({ messages });
const sample = (name: string, value: ChatRequest): Sample<ChatRequest> => ({ name, value });

/** Requests no vendor may refuse: text and turns alone. */
export function plainRequests(): Sample<ChatRequest>[] {
  return [
    sample('one question', chatRequest()),
    sample('a streamed question', chatRequest({ stream: true })),
    sample(
      'a system prompt',
      withMessages({ role: 'system', content: 'Be brief.' }, { role: 'user', content: 'Why?' }),
    ),
    sample(
      'a conversation',
      withMessages(
        { role: 'user', content: 'Hello.' },
        { role: 'assistant', content: 'Hello!' },
        { role: 'user', content: 'Why?' },
      ),
    ),
    sample(
      'a question in parts',
      withMessages({
        role: 'user',
        content: [
          { type: 'text', text: 'Wh' },
          { type: 'text', text: 'y?' },
        ],
      }),
    ),
    sample('text of every script', withMessages({ role: 'user', content: 'naïve 🧭 日本 \u0000 \u2028 "quoted" \\' })),
    sample('a long question', withMessages({ role: 'user', content: 'why '.repeat(20_000) })),
  ];
}

/** Requests a vendor may refuse with ERR_REQUEST_UNSUPPORTED_PARAMETER, but not stumble over. */
export function demandingRequests(): Sample<ChatRequest>[] {
  return [
    sample('two turns of one role', withMessages({ role: 'user', content: 'A' }, { role: 'user', content: 'B' })),
    sample('an empty message', withMessages({ role: 'user', content: '' })),
    sample('a message of no parts', withMessages({ role: 'user', content: [] })),
    sample('a developer prompt alone', withMessages({ role: 'developer', content: 'Begin.' })),
    sample(
      'an assistant turn last',
      withMessages({ role: 'user', content: 'A' }, { role: 'assistant', content: 'B ' }),
    ),
    sample(
      'an inline image',
      withMessages({ role: 'user', content: [{ type: 'image', data: pixel, mediaType: 'image/png' }] }),
    ),
    sample(
      'an image by address',
      withMessages({ role: 'user', content: [{ type: 'image', url: 'https://images.example/a.png' }] }),
    ),
    sample('audio', withMessages({ role: 'user', content: [{ type: 'audio', data: pixel, format: 'wav' }] })),
    sample(
      'a document',
      withMessages({
        role: 'user',
        content: [{ type: 'file', data: pixel, mediaType: 'application/pdf', name: 'a.pdf' }],
      }),
    ),
    sample('a file by id', withMessages({ role: 'user', content: [{ type: 'file', fileId: 'file-1' }] })),
    sample(
      'a part of another dialect',
      withMessages({ role: 'user', content: [{ type: 'other', origin: 'elsewhere', value: { a: 1 } }] }),
    ),
    sample('a turn of tools', chatRequest({ messages: toolTurns, tools: [weatherTool] })),
    sample('tool turns whose tools are gone', chatRequest({ messages: toolTurns })),
    sample(
      'a tool call with empty arguments',
      withMessages(
        { role: 'user', content: 'Go.' },
        { role: 'assistant', content: '', toolCalls: [{ id: 'c', name: 'go', arguments: '' }] },
        { role: 'tool', toolCallId: 'c', content: '' },
      ),
    ),
    sample(
      'a tool call whose arguments are no JSON',
      withMessages(
        { role: 'user', content: 'Go.' },
        { role: 'assistant', content: '', toolCalls: [{ id: 'c', name: 'go', arguments: '{"a":' }] },
        { role: 'tool', toolCallId: 'c', content: 'bad arguments', isError: true },
      ),
    ),
    sample(
      'an answer to no tool call',
      withMessages({ role: 'tool', toolCallId: 'nobody', content: 'x' }, { role: 'user', content: 'A' }),
    ),
    sample(
      'reasoning signed elsewhere',
      withMessages(
        { role: 'user', content: 'A' },
        { role: 'assistant', content: 'B', reasoning: [{ text: 'hm', signature: 'c2ln', origin: 'elsewhere' }] },
        { role: 'user', content: 'C' },
      ),
    ),
    sample(
      'a refusal in the past',
      withMessages(
        { role: 'user', content: 'A' },
        { role: 'assistant', content: '', refusal: 'No.' },
        { role: 'user', content: 'B' },
      ),
    ),
    sample('a forced tool', chatRequest({ tools: [weatherTool], toolChoice: { name: 'get_weather' } })),
    sample(
      'a tool without parameters',
      chatRequest({ tools: [{ name: 'ping' }], toolChoice: 'required', parallelToolCalls: false }),
    ),
    sample('a tool of another dialect', chatRequest({ tools: [{ origin: 'elsewhere', value: { type: 'search' } }] })),
    sample(
      'a JSON schema',
      chatRequest({
        responseFormat: { type: 'json-schema', name: 'answer', schema: weatherTool.parameters, strict: true },
      }),
    ),
    sample('no message at all', chatRequest({ messages: [] })),
    sample('a field nobody knows', chatRequest({ extra: { frobnicate: { level: 11 } } })),
    sample(
      'a field named like a property of every object',
      chatRequest({ extra: JSON.parse('{"__proto__": {"polluted": true}, "constructor": 1}') }),
    ),
  ];
}

/** One change each, for the question whether it is passed on, dropped with notice, or refused. */
export function parameters(): { readonly name: string; readonly change: Partial<ChatRequest> }[] {
  return [
    { name: 'maxOutputTokens', change: { maxOutputTokens: 137 } },
    { name: 'temperature', change: { temperature: 0.37 } },
    { name: 'topP', change: { topP: 0.83 } },
    { name: 'topK', change: { topK: 17 } },
    { name: 'stop', change: { stop: ['HALT'] } },
    { name: 'seed', change: { seed: 4_711 } },
    { name: 'presencePenalty', change: { presencePenalty: 0.21 } },
    { name: 'frequencyPenalty', change: { frequencyPenalty: 0.22 } },
    { name: 'logprobs', change: { logprobs: true } },
    { name: 'topLogprobs', change: { logprobs: true, topLogprobs: 3 } },
    { name: 'count', change: { count: 2 } },
    {
      name: 'responseFormat',
      change: { responseFormat: { type: 'json-schema', name: 'answer', schema: weatherTool.parameters } },
    },
    { name: 'reasoning', change: { reasoning: { effort: 'high' } } },
    { name: 'tools', change: { tools: [weatherTool] } },
    { name: 'toolChoice', change: { tools: [weatherTool], toolChoice: 'required' } },
    { name: 'user', change: { user: 'user-5150' } },
  ];
}

/** Whole replies as vendors give them. */
export function replies(): Sample<ChatReply>[] {
  const toolCalls = [{ id: 'call_a', name: 'get_weather', arguments: '{"place":"Oslo"}' }];
  return [
    { name: 'a text', value: chatReply() },
    { name: 'an empty text', value: chatReply({ text: '' }) },
    { name: 'a cut text', value: chatReply({ end: 'length' }) },
    { name: 'a refusal', value: chatReply({ text: '', refusal: 'I cannot help with that.', end: 'refusal' }) },
    { name: 'a tool call', value: chatReply({ text: '', toolCalls, end: 'tool-calls' }) },
    { name: 'reasoning', value: chatReply({ reasoning: [{ text: 'hm', signature: 'c2ln', origin: 'elsewhere' }] }) },
    { name: 'several choices', value: chatReply({ others: [{ text: 'Or because.', end: 'stop' }] }) },
    { name: 'a reply without usage', value: { text: 'x', end: 'stop' } },
    { name: 'text of every script', value: chatReply({ text: 'naïve 🧭 日本 \u0000 \u2028' }) },
  ];
}
