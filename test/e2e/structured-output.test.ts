/** Replies by a JSON Schema, by the best way each model has: the vendor's own, a forced tool, a JSON mode that is checked. */
import { describe, expect, it } from 'vitest';
import { ledgerRow } from '../contract/ledger.ts';
import {
  anthropicVendor,
  openAiDeployment,
  openAiVendor,
  startGateway,
  startVendor,
  type VendorHandler,
  type VendorRequest,
} from '../support/index.ts';
import { ask } from './router-support.ts';

const schema = {
  type: 'object',
  properties: { city: { type: 'string' }, degrees: { type: 'number', minimum: -90 } },
  required: ['city', 'degrees'],
  additionalProperties: false,
};
const good = '{"city":"Paris","degrees":18}';
const bad = '{"city":"Paris"}';
const format = (found: unknown = schema) => ({
  response_format: { type: 'json_schema', json_schema: { name: 'weather', schema: found } },
});
const weather = { type: 'function', function: { name: 'look', parameters: { type: 'object', properties: {} } } };

const vendor = await startVendor(openAiVendor());
const claude = await startVendor(anthropicVendor());
const bytes = (group: string, model: string, more: object = {}) => ({
  model_name: group,
  litellm_params: { model: `bytes/${model}`, api_base: vendor.url },
  ...more,
});
const anthropic = (group: string, model: string, info?: object) => ({
  model_name: group,
  litellm_params: { model: `anthropic/${model}`, api_base: claude.url, api_key: 'sk-ant' },
  ...(info && { model_info: info }),
});
const plugins = [{ use: new URL('../contract/bytes-provider', import.meta.url).pathname, trust: true }];
const router_settings = { num_retries: 0, allowed_fails: 0, cooldown_time: 60 };
const gateway = await startGateway({
  config: {
    plugins,
    model_list: [
      openAiDeployment('native', vendor),
      openAiDeployment('stepped', vendor, {}, { supports_response_schema: false }),
      openAiDeployment('low', vendor, {}, { supports_response_schema: false, supports_function_calling: false }),
      bytes('tool', 'tool-one'),
      bytes('json', 'json-one'),
      anthropic('new', 'claude-sonnet-4-5'),
      anthropic('old', 'claude-opus-4-1'),
      anthropic('told', 'claude-sonnet-4-5', { supports_response_schema: false }),
    ],
    router_settings,
  },
});
const strict = await startGateway({
  config: {
    plugins,
    model_list: [openAiDeployment('native', vendor), bytes('tool', 'tool-one')],
    router_settings,
    litellm_settings: { enable_json_schema_validation: true },
  },
});

const rungOf = ({ headers }: { readonly headers: Headers }) => headers.get('x-rutter-structured-output');
const last = () => vendor.requests.at(-1)!.json!;
const lastOfClaude = () => claude.requests.at(-1)!.json!;

/** Calls the tool it is made to call, with this as its arguments; beside it those of the caller's that are named. */
const calling =
  (text: string, ...others: readonly string[]): VendorHandler =>
  (exchange) => {
    const toolCalls = [
      ...others.map((name, index) => ({ id: `call_${index}`, name, arguments: '{}' })),
      ...(text === '' ? [] : [{ id: 'call_answer', name: 'json_tool_call', arguments: text }]),
    ];
    return openAiVendor({ toolCalls })(exchange);
  };

/** The calls of a reply or of a stream, as the caller reads them. */
function callsIn(text: string): readonly string[] {
  const names = [...text.matchAll(/"name":"([^"]*)"/g)].map(([, name]) => name ?? '');
  return names;
}

describe('the vendor\u2019s own way', () => {
  it('is taken where it will do, the caller\u2019s bytes unchanged', async () => {
    vendor.use(openAiVendor({ reply: good }));
    const answer = await ask(gateway, 'native', { body: format() });
    expect(answer).toMatchObject({ status: 200, said: good });
    expect(rungOf(answer)).toBe('native');
    expect(last().response_format).toEqual(format().response_format);
  });

  it('is told in the log and not told of where nothing was asked', async () => {
    vendor.use(openAiVendor({ reply: good }));
    const answer = await ask(gateway, 'native', { body: format() });
    const line = await gateway.waitForLog(({ request }) => request === answer.headers.get('x-request-id'));
    expect(line.structuredOutput).toBe('native');
    expect(rungOf(await ask(gateway, 'native'))).toBeNull();
  });

  it('is Anthropic\u2019s output format on models that have it, without a tool', async () => {
    claude.use(anthropicVendor({ reply: good }));
    const answer = await ask(gateway, 'new', { body: format() });
    expect(answer.said).toBe(good);
    expect(rungOf(answer)).toBe('native');
    expect(lastOfClaude()).not.toHaveProperty('tools');
    expect(lastOfClaude().output_config).toEqual({
      format: {
        type: 'json_schema',
        schema: {
          ...schema,
          properties: { city: { type: 'string' }, degrees: { type: 'number', description: '{"minimum":-90}' } },
        },
      },
    });
  });
});

describe('a forced tool', () => {
  it.each([false, true])('carries the schema and comes back as content, stream: %s', async (stream) => {
    vendor.use(calling(good));
    const answer = await ask(gateway, 'tool', { body: { ...format(), stream } });
    expect(answer).toMatchObject({ status: 200, said: good });
    expect(rungOf(answer)).toBe('tool');
    expect(callsIn(answer.text)).toEqual([]);
    expect(answer.text).toMatch(/"finish_reason":"stop"/);
    expect(last()).toMatchObject({
      tools: [{ type: 'function', function: { name: 'json_tool_call', parameters: schema } }],
      tool_choice: { type: 'function', function: { name: 'json_tool_call' } },
    });
    expect(last()).not.toHaveProperty('response_format');
  });

  it.each([false, true])('of a list is unwrapped from its object, stream: %s', async (stream) => {
    vendor.use(calling('{"values":[1,2]}'));
    const list = { type: 'array', items: { $ref: '#/$defs/n' }, $defs: { n: { type: 'number' } } };
    expect(await ask(gateway, 'tool', { body: { ...format(list), stream } })).toMatchObject({ said: '[1,2]' });
    expect(last().tools).toMatchObject([
      {
        function: {
          parameters: {
            type: 'object',
            properties: { values: { type: 'array', items: { $ref: '#/$defs/n' } } },
            $defs: { n: { type: 'number' } },
          },
        },
      },
    ]);
  });

  it.each([false, true])(
    'stands beside the caller\u2019s own tools, one of which must be called, stream: %s',
    async (stream) => {
      vendor.use(calling(good));
      const body = { ...format(), tools: [weather], stream };
      expect(await ask(gateway, 'tool', { body })).toMatchObject({ said: good });
      expect(last()).toMatchObject({
        tools: [{ function: { name: 'look' } }, { function: { name: 'json_tool_call' } }],
        tool_choice: 'required',
      });
      vendor.use(calling('', 'look'));
      const answer = await ask(gateway, 'tool', { body });
      expect(callsIn(answer.text)).toEqual(['look']);
      expect(answer.text).toMatch(/"finish_reason":"tool_calls"/);
      vendor.use(calling(good, 'look'));
      const both = await ask(gateway, 'tool', { body });
      expect(both.said).toBe(good);
      expect(callsIn(both.text)).toEqual(['look']);
      expect(both.text).toMatch(/"finish_reason":"tool_calls"/);
    },
  );

  it('leaves the choice of a tool to a caller who made it', async () => {
    vendor.use(calling('', 'look'));
    await ask(gateway, 'tool', { body: { ...format(), tools: [weather], tool_choice: 'required' } });
    expect(last()).toMatchObject({ tools: [{ function: { name: 'look' } }], tool_choice: 'required' });
    vendor.use(calling(good));
    const answer = await ask(gateway, 'tool', { body: { ...format(), tools: [weather], tool_choice: 'none' } });
    expect(last().tool_choice).toEqual({ type: 'function', function: { name: 'json_tool_call' } });
    expect(answer.said).toBe(good);
  });

  it.each([false, true])('that a model does not call leaves its words as they are, stream: %s', async (stream) => {
    vendor.use(openAiVendor({ reply: good }));
    expect(await ask(gateway, 'tool', { body: { ...format(), stream } })).toMatchObject({ said: good });
  });

  it('is what model_info steps down to', async () => {
    vendor.use(calling(good));
    const answer = await ask(gateway, 'stepped', { body: format() });
    expect(answer.said).toBe(good);
    expect(rungOf(answer)).toBe('tool');
    claude.use(anthropicVendor({ reply: '', toolUse: { id: 't', name: 'json_tool_call', input: JSON.parse(good) } }));
    expect(rungOf(await ask(gateway, 'told', { body: format() }))).toBe('tool');
  });

  it.each([false, true])('is the way on older models of Anthropic, stream: %s', async (stream) => {
    claude.use(
      anthropicVendor({ reply: 'Here it is:', toolUse: { id: 't', name: 'json_tool_call', input: JSON.parse(good) } }),
    );
    const answer = await ask(gateway, 'old', { body: { ...format(), stream } });
    expect(answer.said).toBe(good);
    expect(rungOf(answer)).toBe('tool');
    expect(lastOfClaude()).toMatchObject({
      tools: [{ name: 'json_tool_call', input_schema: schema }],
      tool_choice: { type: 'tool', name: 'json_tool_call' },
    });
  });

  it('asks for JSON of any shape where a vendor has no mode for it', async () => {
    claude.use(anthropicVendor({ reply: '', toolUse: { id: 't', name: 'json_tool_call', input: { a: 1 } } }));
    const answer = await ask(gateway, 'new', { body: { response_format: { type: 'json_object' } } });
    expect(answer.said).toBe('{"a":1}');
    expect(rungOf(answer)).toBe('tool');
  });
});

describe('a JSON mode', () => {
  const systemOf = ({ json }: VendorRequest) =>
    (json!.messages as { role: string; content: string }[]).find(({ role }) => role === 'system')?.content;

  it.each([false, true])('is told the schema, and its reply is checked, stream: %s', async (stream) => {
    vendor.use(openAiVendor({ reply: good }));
    const answer = await ask(gateway, 'json', { body: { ...format(), stream } });
    expect(answer).toMatchObject({ status: 200, said: good });
    expect(rungOf(answer)).toBe('json');
    expect(last().response_format).toEqual({ type: 'json_object' });
    expect(systemOf(vendor.requests.at(-1)!)).toContain(JSON.stringify(schema));
  });

  it('is where a model ends up that has neither schemas nor tools', async () => {
    vendor.use(openAiVendor({ reply: good }));
    expect(rungOf(await ask(gateway, 'low', { body: format() }))).toBe('json');
  });

  it('has the fence taken off its reply', async () => {
    vendor.use(openAiVendor({ reply: `\`\`\`json\n${good}\n\`\`\`` }));
    expect(await ask(gateway, 'json', { body: format() })).toMatchObject({ said: good });
  });

  it.each([false, true])('gets one round to mend what does not fit, stream: %s', async (stream) => {
    const before = vendor.requests.length;
    vendor.use([openAiVendor({ reply: bad }), openAiVendor({ reply: good })]);
    const answer = await ask(gateway, 'json', {
      body: { ...format(), stream, ...(stream && { stream_options: { include_usage: true } }) },
    });
    expect(answer).toMatchObject({ status: 200, said: good });
    expect(answer.text).not.toContain('"city":"Paris"}');
    expect(vendor.requests.length - before).toBe(2);
    const [, said, complaint] = (last().messages as { role: string; content: string }[]).filter(
      ({ role }) => role !== 'system',
    );
    expect(said).toEqual({ role: 'assistant', content: bad });
    expect(complaint).toMatchObject({ role: 'user', content: expect.stringContaining('degrees') });
    // Both rounds are paid for.
    expect(answer.text).toMatch(/"completion_tokens":6/);
  });

  it.each([false, true])('that does not fit then either is an error of its own, stream: %s', async (stream) => {
    const before = vendor.requests.length;
    vendor.use(openAiVendor({ reply: bad }));
    const answer = await ask(gateway, 'json', { body: { ...format(), stream } });
    expect(vendor.requests.length - before).toBe(2);
    expect(answer).toMatchObject({ status: 502, error: { rutter_code: 'ERR_PROVIDER_SCHEMA' } });
    expect(answer.error?.message).toContain('required');
    expect(answer.error?.message).not.toContain('Paris');
    const row = await ledgerRow(gateway, answer.headers.get('x-request-id')!);
    expect(row).toMatchObject({ output_tokens: 6, error_code: 'ERR_PROVIDER_SCHEMA' });
    // It says nothing of the deployment, which goes on serving.
    vendor.use(openAiVendor({ reply: good }));
    expect(await ask(gateway, 'json', { body: format() })).toMatchObject({ status: 200 });
  });

  it('is not held against a reply that was cut off or refused', async () => {
    vendor.use(openAiVendor({ reply: '{"city":"Pa', finishReason: 'length' }));
    expect(await ask(gateway, 'json', { body: format() })).toMatchObject({ status: 200, said: '{"city":"Pa' });
  });

  it.each([
    [{ type: 'object', properties: { a: { $ref: '#/$defs/none' } } }, 'reference'],
    [{ type: 'string', pattern: '(' }, 'pattern'],
    [{ type: 'string', description: 'x'.repeat(300_000) }, 'characters'],
  ])('with a schema nobody could check by is a 400 before anyone is asked', async (found, message) => {
    const before = vendor.requests.length;
    const answer = await ask(gateway, 'json', { body: format(found) });
    expect(answer).toMatchObject({ status: 400, error: { param: 'response_format' } });
    expect(answer.error?.message).toContain(message);
    expect(vendor.requests.length).toBe(before);
  });

  it('with a pattern that never comes to an end is given up, and the gateway lives', async () => {
    vendor.use(openAiVendor({ reply: JSON.stringify({ a: `${'a'.repeat(60)}!` }) }));
    const answer = await ask(gateway, 'json', {
      body: format({ type: 'object', properties: { a: { type: 'string', pattern: '^(a+)+$' } } }),
    });
    expect(answer).toMatchObject({ status: 400, error: { message: expect.stringContaining('250 ms') } });
    expect(answer.ms).toBeLessThan(2000);
  });
});

describe('enable_json_schema_validation', () => {
  it.each([
    ['native', openAiVendor({ reply: bad }), false],
    ['native', openAiVendor({ reply: bad }), true],
    ['tool', calling(bad), false],
    ['tool', calling(bad), true],
  ] as const)('checks what came the %s way too', async (model, handler, stream) => {
    vendor.use(handler);
    const answer = await ask(strict, model, { body: { ...format(), stream } });
    expect(answer).toMatchObject({ status: 502, error: { rutter_code: 'ERR_PROVIDER_SCHEMA' } });
    expect(rungOf(answer)).toBe(model);
  });

  it('lets pass what fits', async () => {
    vendor.use(openAiVendor({ reply: good }));
    expect(await ask(strict, 'native', { body: format() })).toMatchObject({ status: 200, said: good });
    vendor.use(calling(good));
    expect(await ask(strict, 'tool', { body: { ...format(), stream: true } })).toMatchObject({ said: good });
  });
});
