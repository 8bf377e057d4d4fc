/**
 * Two stand-ins for models, so that the example needs no key: `node models.mjs`.
 *
 * `large` adds. `small` adds digit by digit and forgets to carry; asked to
 * check a sum it casts out nines, by which it notices.
 */
import { createServer } from 'node:http';

const sumIn = (text) => /(\d+) \+ (\d+)/.exec(text)?.slice(1).map(Number);

function withoutCarry(a, b) {
  const [left, right] = [a, b].map((number) => [...String(number)].reverse().map(Number));
  const digits = Array.from(
    { length: Math.max(left.length, right.length) },
    (_, place) => ((left[place] ?? 0) + (right[place] ?? 0)) % 10,
  );
  return Number(digits.reverse().join(''));
}

function answer(model, text) {
  const [a, b] = sumIn(text) ?? [0, 0];
  const said = /<answer>\s*(\d+)/.exec(text)?.[1];
  if (said !== undefined) return `Verdict: ${(a + b - Number(said)) % 9 === 0 ? 'Correct' : 'Incorrect'}`;
  return String(model === 'large' ? a + b : withoutCarry(a, b));
}

const server = createServer(async (request, response) => {
  let body = '';
  for await (const chunk of request) body += chunk;
  const { model, messages, stream } = JSON.parse(body);
  const content = answer(model, messages.at(-1).content);
  const usage = { prompt_tokens: 20, completion_tokens: 2, total_tokens: 22 };
  const reply = { id: 'sum', created: 0, model };
  if (!stream) {
    const choices = [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content } }];
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ ...reply, object: 'chat.completion', choices, usage }));
    return;
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const choices = [{ index: 0, finish_reason: 'stop', delta: { role: 'assistant', content } }];
  for (const event of [{ choices }, { choices: [], usage }])
    response.write(`data: ${JSON.stringify({ ...reply, object: 'chat.completion.chunk', ...event })}\n\n`);
  response.end('data: [DONE]\n\n');
});
server.listen(Number(process.env.PORT ?? 4100), '127.0.0.1', () =>
  console.log(`models on port ${server.address().port}`),
);
