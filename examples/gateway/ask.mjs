/** Asks a gateway by the OpenAI SDK: `node ask.mjs MODEL TEXT`. */
import OpenAI from 'openai';

const [model = 'echo', text = 'Hello'] = process.argv.slice(2);
const client = new OpenAI({
  baseURL: process.env.RUTTER_BASE_URL ?? 'http://localhost:4000/v1',
  apiKey: process.env.RUTTER_KEY ?? 'none',
});

const stream = await client.chat.completions.create({
  model,
  messages: [{ role: 'user', content: text }],
  stream: true,
});
for await (const chunk of stream) process.stdout.write(chunk.choices[0]?.delta.content ?? '');
process.stdout.write('\n');
