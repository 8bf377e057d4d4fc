/** Conversations of several turns: a client that keeps every field sends back what it was told. */
import { user } from './client.ts';
import { clock, noon, paris, rome, type Scenario, tokens, weather } from './scenarios.ts';

const thinking = { ...tokens, reasoning: 4 };
const both = [{ text: 'cloudy, 18 °C' }, { text: 'sunny, 25 °C' }];

export const conversations: readonly Scenario[] = [
  {
    title: 'Tools over several turns',
    chat: { messages: [user('Paris, Rome, and the time?')], tools: [weather, clock] },
    truth: { calls: [paris, rome], finish: 'tool_calls', tokens },
    further: [
      { answers: both, truth: { text: 'And the time. ', calls: [noon], finish: 'tool_calls', tokens } },
      { answers: [{ text: 'noon' }], truth: { text: 'Mild, warm, and noon.', finish: 'stop', tokens } },
      { says: 'Thank you. Again?', truth: { calls: [{ ...paris, id: 'call_again' }], finish: 'tool_calls', tokens } },
      { answers: [{ text: 'rain' }], truth: { text: 'Rain now.', finish: 'stop', tokens } },
    ],
  },
  {
    title: 'A tool that failed',
    chat: { messages: [user('Weather in Paris and Rome?')], tools: [weather] },
    truth: { calls: [paris, rome], finish: 'tool_calls', tokens },
    further: [
      {
        answers: [{ text: 'No such place.', isError: true }, { text: 'sunny, 25 °C' }],
        truth: { text: 'Rome has sun; of Paris I know nothing.', finish: 'stop', tokens },
      },
    ],
  },
  {
    title: 'Thoughts that are sealed',
    chat: { messages: [user('The weather in Paris?')], tools: [weather], reasoning_effort: 'low' },
    truth: {
      reasoning: 'This I show.',
      signature: 'c2lnbmVkIDU=',
      sealed: 'c2VhbGVkIGF3YXk=',
      calls: [paris],
      finish: 'tool_calls',
      tokens: thinking,
    },
    further: [
      { answers: [{ text: 'rain' }], truth: { sealed: 'c2VhbGVkIHRvbw==', text: 'Rain.', finish: 'stop', tokens } },
      { says: 'Sure?', truth: { text: 'Yes.', finish: 'stop', tokens } },
    ],
  },
  {
    title: 'Thinking over several turns',
    chat: { messages: [user('Paris, Rome, and the time?')], tools: [weather, clock], reasoning_effort: 'low' },
    truth: {
      reasoning: 'I need “both”.',
      signature: 'c2lnbmVkIDE=',
      calls: [paris, rome],
      finish: 'tool_calls',
      tokens: thinking,
    },
    further: [
      {
        answers: both,
        truth: {
          reasoning: 'Now the time…',
          signature: 'c2lnbmVkKzIv',
          calls: [noon],
          finish: 'tool_calls',
          tokens: thinking,
        },
      },
      {
        answers: [{ text: 'noon' }],
        truth: {
          reasoning: 'That is all.',
          signature: 'c2lnbmVkIDMr',
          text: 'Mild, warm, and noon.',
          finish: 'stop',
          tokens: thinking,
        },
      },
      {
        says: 'Warmer than yesterday?',
        truth: {
          reasoning: 'I cannot know.',
          signature: 'c2lnbmVkIDQ=',
          text: 'Who knows?',
          finish: 'stop',
          tokens: thinking,
        },
      },
    ],
  },
];
