/** Recorded shapes of replies of Google's generateContent. */

const usage = { promptTokenCount: 12, candidatesTokenCount: 5, totalTokenCount: 17, cachedContentTokenCount: 4 };

const reply = (parts: readonly object[], rest: object = {}) => ({
  candidates: [{ content: { role: 'model', parts }, index: 0, ...rest }],
  usageMetadata: usage,
  modelVersion: 'model',
  responseId: 'r1',
});

const sse = (events: readonly object[]) => events.map((event) => `data: ${JSON.stringify(event)}\r\n\r\n`).join('');

const call = { functionCall: { name: 'get_weather', args: { place: 'Oslo' } }, thoughtSignature: 'c2ln' };

export const geminiStreams: readonly string[] = [
  sse([
    reply([{ text: 'Blue naïve 🧭 ' }]),
    reply([{ text: '日本.' }]),
    reply([{ text: '' }], { finishReason: 'STOP' }),
  ]),
  sse([
    reply([{ text: 'hm', thought: true }]),
    reply([call, { functionCall: { name: 'get_weather', args: {} } }]),
    reply([{ text: '' }], { finishReason: 'STOP' }),
  ]),
];

export const geminiReplies: readonly object[] = [
  reply([{ text: 'Blue.' }], { finishReason: 'STOP' }),
  reply([{ text: 'hm', thought: true }, call], { finishReason: 'STOP' }),
];
