/** The same reply costs the same from every vendor, whole and streamed, in the header, in the ledger and by its usage. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type LedgerRow, ledgerRow } from '../contract/ledger.ts';
import { type Bench, saying, startSides } from './bench-of-sides.ts';
import { sides } from './sides/index.ts';
import type { Side } from './sides/side.ts';
import type { Tokens, Truth } from './truth.ts';

/** In nano-dollars a token: no two sums of theirs are alike by chance. */
const nano = { input: 1009, cached: 101, output: 10_007, reasoning: 100_003 };
const prices = {
  input_cost_per_token: '1009e-9',
  cache_read_input_token_cost: '101e-9',
  output_cost_per_token: '10007e-9',
  output_cost_per_reasoning_token: '100003e-9',
};
const costOf = ({ prompt, cached, completion, reasoning }: Tokens) =>
  (prompt - cached) * nano.input +
  cached * nano.cached +
  (completion - reasoning) * nano.output +
  reasoning * nano.reasoning;

const truths: Readonly<Record<string, Truth>> = {
  'a plain reply': {
    text: 'Half past nine.',
    finish: 'stop',
    tokens: { prompt: 1301, completion: 211, cached: 0, reasoning: 0 },
  },
  'a prompt that was cached': {
    text: 'Half past nine.',
    finish: 'stop',
    tokens: { prompt: 1301, completion: 211, cached: 1024, reasoning: 0 },
  },
  'a reply with reasoning': {
    text: 'Half past nine.',
    reasoning: 'The clock says so.',
    finish: 'stop',
    tokens: { prompt: 1301, completion: 211, cached: 0, reasoning: 97 },
  },
  'a reply cut short': {
    text: 'Half past',
    finish: 'length',
    tokens: { prompt: 7, completion: 2, cached: 0, reasoning: 0 },
  },
};

interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly prompt_tokens_details?: { readonly cached_tokens?: number };
  readonly completion_tokens_details?: { readonly reasoning_tokens?: number };
}

interface Charged {
  readonly header: string | null;
  readonly tokens: Tokens;
  readonly row: LedgerRow;
}

let bench: Bench;
beforeAll(async () => {
  bench = await startSides(prices);
});
afterAll(() => bench?.gateway.stop());

async function charged(side: Side, truth: Truth, stream: boolean): Promise<Charged> {
  bench.vendors.get(side)?.use(saying(side, truth));
  const response = await fetch(`${bench.gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model: side.group,
      messages: [{ role: 'user', content: 'What time is it?' }],
      ...(stream && { stream, stream_options: { include_usage: true } }),
    }),
  });
  const text = await response.text();
  expect(response.status, text).toBe(200);
  const events = stream ? [...text.matchAll(/^data: (\{.*)$/gm)].map(([, json = '']) => JSON.parse(json)) : [];
  const usage = (stream ? events.find((event) => event.usage)?.usage : JSON.parse(text).usage) as Usage;
  return {
    header: response.headers.get('x-litellm-response-cost'),
    tokens: {
      prompt: usage.prompt_tokens,
      completion: usage.completion_tokens,
      cached: usage.prompt_tokens_details?.cached_tokens ?? 0,
      reasoning: usage.completion_tokens_details?.reasoning_tokens ?? 0,
    },
    row: await ledgerRow(bench.gateway, response.headers.get('x-litellm-call-id') ?? ''),
  };
}

/** Vendors that do not say how many tokens of a prompt were cached, or of a reply were reasoning. */
const silentOn = {
  cached: ['Mistral', 'Ollama (chat)', 'Ollama (generate)'],
  reasoning: ['Cohere', 'Mistral', 'Ollama (chat)', 'Ollama (generate)'],
};
/** They say nothing of it either, but reasoning that is seen is counted by its length. */
const estimatesReasoning = ['Bedrock (Converse)'];

const heard = ({ title }: Side, { tokens, reasoning }: Truth): Tokens => ({
  ...tokens,
  ...(silentOn.cached.includes(title) && { cached: 0 }),
  ...(silentOn.reasoning.includes(title) && { reasoning: 0 }),
  ...(estimatesReasoning.includes(title) && { reasoning: Math.ceil((reasoning ?? '').length / 4) }),
});

const cases = sides.flatMap((side) =>
  Object.entries(truths).map(([what, truth]) => ({ name: side.title, side, what, truth })),
);

it.each(cases)('$name: $what costs the same whole and streamed', async ({ side, truth }) => {
  const whole = await charged(side, truth, false);
  const streamed = await charged(side, truth, true);
  const expected = costOf(heard(side, truth));
  expect(whole.tokens).toEqual(heard(side, truth));
  expect(streamed.tokens).toEqual(whole.tokens);
  expect(whole.row.cost_nano_usd).toBe(expected);
  expect(streamed.row.cost_nano_usd).toBe(expected);
  expect(Number(whole.header)).toBe(expected / 1e9);
  // Known only where the vendor was faster than the first byte.
  expect([null, String(expected / 1e9)]).toContain(streamed.header);
  expect([streamed.row.input_tokens, streamed.row.output_tokens]).toEqual([
    whole.row.input_tokens,
    whole.row.output_tokens,
  ]);
});
