/** The same rules where the vendor speaks another dialect than the client, so that nothing passes as it came. */
import { describe, expect, it } from 'vitest';
import { ledgerRow } from '../contract/ledger.ts';
import {
  anthropicVendor,
  cutStream,
  openAiDeployment,
  readEvents,
  stallStream,
  startGateway,
  startVendor,
  type Vendor,
} from '../support/index.ts';
import { ask, chunk, fleet, latenessMs, leave } from './router-support.ts';

const claude = await startVendor(anthropicVendor({ reply: 'claude' }));
const v = await fleet('first', 'good');

const event = (type: string, data: object) => `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`;
const start = event('message_start', {
  message: {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'claude',
    content: [],
    usage: { input_tokens: 7 },
  },
});
const open = event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } });
const words = event('content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'once upon a time' } });
const overloaded = event('error', { error: { type: 'overloaded_error', message: 'Overloaded' } });

const anthropic = (group: string, vendor: Vendor, params: object = {}) => ({
  model_name: group,
  litellm_params: { model: 'anthropic/claude-sonnet-4-5', api_base: vendor.url, api_key: 'sk-ant', ...params },
});

const gateway = await startGateway({
  config: {
    model_list: [
      ...['begin', 'hold', 'silent'].flatMap((name) => [
        anthropic(name, claude, { order: 1, cooldown_time: 0 }),
        openAiDeployment(name, v.good, { order: 2 }),
      ]),
      anthropic('alone', claude, { cooldown_time: 0 }),
      openAiDeployment('main', v.first, { cooldown_time: 0 }),
    ],
    router_settings: {
      num_retries: 0,
      fallbacks: [{ main: ['alone'] }],
      context_window_fallbacks: [{ alone: ['main'] }],
    },
    general_settings: { inter_token_timeout: 0.3 },
  },
});
const stream = { body: { stream: true } };
const sends = (text: string, manner: 'reset' | 'end' = 'end') =>
  claude.use(cutStream(text, Buffer.byteLength(text), manner));

describe('a translated stream', () => {
  it('is tried elsewhere when it begins with an error', async () => {
    sends(start + overloaded);
    expect((await ask(gateway, 'begin', stream)).said).toBe('good');
  });

  it('is tried elsewhere, with nothing shown of it, when it is lost ahead of its first text', async () => {
    sends(start + open, 'reset');
    const answer = await ask(gateway, 'hold', stream);
    expect(answer.said).toBe('good');
    expect(answer.text.match(/"role":"assistant"/g)).toHaveLength(1);
    expect(answer.text).not.toContain('msg_1');
  });

  it.each([
    ['is lost', 'reset', start + open + words, '502'],
    ['ends without having finished', 'end', start + open + words, '502'],
    ['brings an error', 'end', start + open + words + overloaded, '503'],
  ] as const)(
    'ends with one error and without [DONE] when it %s after its first text',
    async (_what, manner, text, code) => {
      sends(text, manner);
      const answer = await ask(gateway, 'begin', stream);
      expect(answer.status).toBe(200);
      expect(answer.said).toBe('once upon a time');
      const events = readEvents(answer.text).map(({ data }) => data);
      expect(events).not.toContain('[DONE]');
      expect(events.filter((data) => data.includes('"error"'))).toHaveLength(1);
      expect(JSON.parse(events.at(-1) ?? '')).toMatchObject({ error: { code } });
    },
  );

  it('ends with an error when it falls silent', async () => {
    claude.use(stallStream(start + open + words));
    const answer = await ask(gateway, 'silent', stream);
    expect(answer.said).toBe('once upon a time');
    expect(readEvents(answer.text).at(-1)?.data).toContain('silent for 300 ms');
    expect(answer.ms).toBeLessThan(300 + latenessMs);
  });

  it('is closed at the vendor when the client leaves, and billed as far as it came', async () => {
    claude.use(stallStream(start + open + words));
    await leave(gateway, 'alone', { after: 'once upon a time', id: 'left-translated' });
    await claude.requests.at(-1)?.closed;
    expect(claude.requests.at(-1)?.abortedAt).toBeDefined();
    const row = await ledgerRow(gateway, 'left-translated');
    expect(row).toMatchObject({ ending: 'client', status: 499 });
    expect(row.output_tokens).toBe(Math.ceil('once upon a time'.length / 4));
  });
});

describe('across dialects', () => {
  it('falls back, and shows the name of the group that answered', async () => {
    claude.use(anthropicVendor({ reply: 'claude' }));
    v.first.plays({ status: 500 });
    for (const isStream of [false, true]) {
      const answer = await ask(gateway, 'main', { body: { stream: isStream } });
      expect(answer.said).toBe('claude');
      expect(answer.model).toBe('alone');
    }
    v.first.plays({});
  });

  it('follows the context-window list for the words this vendor has for it', async () => {
    const error = { type: 'invalid_request_error', message: 'prompt is too long: 300000 tokens > 200000 maximum' };
    claude.use(anthropicVendor({ failures: [{ status: 400, body: { type: 'error', error } }] }));
    expect((await ask(gateway, 'alone')).said).toBe('first');
  });

  it('goes on elsewhere when the vendor says that it is overloaded', async () => {
    claude.use(anthropicVendor({ status: 529 }));
    expect((await ask(gateway, 'begin')).said).toBe('good');
  });

  it('counts what the vendor told by then when a stream that passes as it came breaks off', async () => {
    const usage = { prompt_tokens: 40, completion_tokens: 2, total_tokens: 42 };
    const told = `data: ${JSON.stringify({ id: 'c', choices: [], usage })}\n\n`;
    const text = chunk({ content: 'word' }) + told;
    v.first.use(cutStream(text, Buffer.byteLength(text), 'reset'));
    const { headers } = await ask(gateway, 'main', stream);
    const row = await ledgerRow(gateway, headers.get('x-litellm-call-id') ?? '');
    expect(row).toMatchObject({ ending: 'broke', input_tokens: 40, output_tokens: 2 });
  });
});
