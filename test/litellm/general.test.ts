/** Keys of `general_settings` and `litellm_settings` that say what a call must be, each by a request through a live gateway. */
import { expect, it } from 'vitest';
import { ledgerRow } from '../contract/ledger.ts';
import { ask, fleet } from '../e2e/router-support.ts';
import { openAiDeployment, openAiVendor, startGateway, startVendor, until } from '../support/index.ts';

const v = await fleet('forced', 'embedding', 'asked', 'wide', 'sick', 'well', 'loner', 'busy', 'large');

const [forced, strict, headers, checked, bounded] = await Promise.all([
  startGateway({
    config: {
      model_list: [
        openAiDeployment('forced', v.forced),
        openAiDeployment('embedding', v.embedding),
        openAiDeployment('asked', v.asked),
      ],
      general_settings: { completion_model: 'forced', embedding_model: 'embedding' },
    },
  }),
  startGateway({
    config: {
      model_list: [openAiDeployment('asked', v.asked), openAiDeployment('wide', v.wide)],
      litellm_settings: { model_alias_map: { nick: 'asked', asked: 'wide' } },
      general_settings: {
        enforce_user_param: true,
        enforced_params: ['metadata.purpose'],
        reject_clientside_metadata_tags: true,
        user_header_name: 'X-End-User',
      },
    },
  }),
  startGateway({
    config: {
      model_list: [openAiDeployment('asked', v.asked)],
      litellm_settings: { forward_traceparent_to_llm_provider: false },
      general_settings: {
        forward_client_headers_to_llm_api: true,
        master_key: 'sk-master',
        litellm_key_header_name: 'X-Our-Key',
        user_header_mappings: [
          { header_name: 'x-customer', litellm_user_role: 'customer' },
          { header_name: 'x-employee', litellm_user_role: 'internal_user' },
        ],
      },
    },
  }),
  startGateway({
    config: {
      model_list: [
        openAiDeployment('pair', v.sick, { cooldown_time: 0 }, { id: 'sick' }),
        openAiDeployment('pair', v.well, { cooldown_time: 0 }, { id: 'well' }),
        openAiDeployment('loner', v.loner, { cooldown_time: 0 }, { id: 'loner' }),
        openAiDeployment('any/*', v.wide, { model: 'openai/*' }, { id: 'wide', health_check_model: 'openai/tiny' }),
        openAiDeployment('painter', v.wide, {}, { id: 'painter', mode: 'image_generation' }),
      ],
      router_settings: { num_retries: 0 },
      general_settings: {
        background_health_checks: true,
        health_check_interval: '150ms',
        enable_health_check_routing: true,
        health_check_details: false,
      },
    },
  }),
  startGateway({
    config: {
      model_list: [
        openAiDeployment('busy', v.busy),
        openAiDeployment('roomy', v.busy, { max_parallel_requests: 9 }),
        openAiDeployment('large', v.large),
      ],
      router_settings: { num_retries: 0 },
      general_settings: { max_parallel_requests: 1, max_response_size_mb: 0.01, max_request_size_mb: 0.1 },
    },
  }),
]);

const good = { user: 'ann', metadata: { purpose: 'test' } };
const sent = (seat: { requests: readonly { json: unknown; headers: Record<string, unknown> }[] }) =>
  seat.requests.at(-1) as { json: Record<string, unknown>; headers: Record<string, string> };

it('serves every chat by the model that is forced, and shows the name that was asked', async () => {
  for (const model of ['asked', 'nobody-knows-this']) {
    const answer = await ask(forced, model);
    expect(answer.said).toBe('forced');
    expect(answer.model).toBe(model);
  }
});

it('serves every embedding by the model that is forced for them', async () => {
  const reply = await fetch(`${forced.url}/v1/embeddings`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'asked', input: 'a' }),
  });
  expect(reply.status).toBe(200);
  expect(v.embedding.requests.at(-1)?.path).toBe('/v1/embeddings');
});

it('takes a global alias ahead of a group of that name', async () => {
  expect((await ask(strict, 'asked', { body: good })).said).toBe('wide');
  expect((await ask(strict, 'nick', { body: good })).said).toBe('asked');
});

it('refuses a call that names no end user', async () => {
  const { status, error } = await ask(strict, 'asked', { body: { metadata: { purpose: 'test' } } });
  expect(status).toBe(400);
  expect(error).toMatchObject({ param: 'user' });
});

it('refuses a call without a field that must be there', async () => {
  for (const body of [{ user: 'ann' }, { user: 'ann', metadata: {} }, { user: 'ann', metadata: { purpose: null } }]) {
    const { status, error } = await ask(strict, 'asked', { body });
    expect(status).toBe(400);
    expect(error?.param).toBe('metadata.purpose');
  }
});

it('takes the end user from the header that is named, sends it on and records it', async () => {
  const answer = await ask(strict, 'nick', {
    body: { metadata: { purpose: 'test' } },
    headers: { 'x-end-user': 'bob', 'x-request-id': 'by-header' },
  });
  expect(answer.said).toBe('asked');
  expect(sent(v.asked).json.user).toBe('bob');
  expect(await ledgerRow(strict, 'by-header')).toMatchObject({ end_user: 'bob' });
});

it.each([{ tags: ['a'] }, { metadata: { purpose: 'test', tags: ['a'] } }, { litellm_metadata: { tags: ['a'] } }])(
  'refuses the tags of a caller: %j',
  async (body) => {
    const { status, error } = await ask(strict, 'asked', { body: { ...good, ...body } });
    expect(status).toBe(400);
    expect(error?.param).toBe('metadata.tags');
  },
);

it('refuses tags in a header', async () => {
  expect((await ask(strict, 'asked', { body: good, headers: { 'x-litellm-tags': 'a' } })).status).toBe(400);
});

const ours = { 'x-our-key': 'sk-master' };

it('takes the key from the header that is named', async () => {
  expect((await ask(headers, 'asked', { headers: ours })).status).toBe(200);
  expect((await ask(headers, 'asked', { headers: { 'x-our-key': 'sk-wrong' } })).status).toBe(401);
});

it("sends a client's own headers on, and neither keys nor what is said to the gateway", async () => {
  await ask(headers, 'asked', {
    headers: { ...ours, 'x-mine': 'yes', 'x-litellm-timeout': '9', 'x-stainless-lang': 'js', cookie: 'a=b' },
  });
  const found = sent(v.asked).headers;
  expect(found['x-mine']).toBe('yes');
  for (const name of ['x-our-key', 'x-litellm-timeout', 'x-stainless-lang', 'cookie'])
    expect(found).not.toHaveProperty(name);
});

it('keeps the trace from vendors where it is told to', async () => {
  await ask(headers, 'asked', { headers: { ...ours, traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` } });
  expect(sent(v.asked).headers).not.toHaveProperty('traceparent');
  await ask(strict, 'nick', { body: good });
  expect(sent(v.asked).headers.traceparent).toMatch(/^00-/);
});

it('takes the end user from a mapped header of customers, and from no other', async () => {
  await ask(headers, 'asked', { headers: { ...ours, 'x-customer': 'cyd', 'x-employee': 'eve' } });
  expect(sent(v.asked).json.user).toBe('cyd');
  await ask(headers, 'asked', { headers: { ...ours, 'x-employee': 'eve' } });
  expect(sent(v.asked).json).not.toHaveProperty('user');
});

it('records the end user of the headers that are always understood, without sending it on', async () => {
  await ask(headers, 'asked', { headers: { ...ours, 'x-litellm-end-user-id': 'dan', 'x-request-id': 'always' } });
  expect(sent(v.asked).json).not.toHaveProperty('user');
  expect(await ledgerRow(headers, 'always')).toMatchObject({ end_user: 'dan' });
});

interface Health {
  readonly healthy_endpoints: readonly { readonly model_id: string }[];
  readonly unhealthy_endpoints: readonly { readonly model_id: string; readonly error?: string }[];
  readonly unchecked_endpoints?: readonly { readonly model_id: string; readonly mode: string }[];
}
const health = async (): Promise<Health> => (await (await fetch(`${checked.url}/health`)).json()) as Health;
const failing = async () => (await health()).unhealthy_endpoints.map(({ model_id }) => model_id);

it('leaves out a deployment that failed the last health check, and takes it back when it passes', async () => {
  v.sick.use(({ response }) => response.writeHead(500).end('{}'));
  await until('the sick one to be found', async () => (await failing()).includes('sick'));
  for (let count = 0; count < 8; count++) expect((await ask(checked, 'pair')).said).toBe('well');
  v.sick.plays({});
  await until('the sick one to be well', async () => !(await failing()).includes('sick'));
  await until('the sick one to be asked', async () => (await ask(checked, 'pair')).said === 'sick');
});

it('asks the only deployment of a group although its health check failed', async () => {
  v.loner.use(({ response, request }) =>
    request.body.toString().includes('"hi"')
      ? response.writeHead(500).end('{}')
      : openAiVendor({ reply: 'loner' })({ response, request } as never),
  );
  await until('the loner to fail', async () => (await failing()).includes('loner'));
  expect((await ask(checked, 'loner')).said).toBe('loner');
});

it('tells what was found last without calling anyone, and no details where they are switched off', async () => {
  await until('a failure', async () => (await failing()).includes('loner'));
  const { unhealthy_endpoints: unhealthy } = await health();
  expect(unhealthy.find(({ model_id: id }) => id === 'loner')).toEqual({
    model: 'loner',
    model_id: 'loner',
    provider: 'openai',
  });
});

it('checks a wildcard by the model it names for that', async () => {
  const found = await health();
  expect(found.healthy_endpoints.map(({ model_id: id }) => id)).toContain('wide');
  expect(v.wide.requests.some(({ json }) => json?.model === 'tiny')).toBe(true);
});

it('does not call a model that nothing cheap can be asked of', async () => {
  expect((await health()).unchecked_endpoints).toEqual([
    { model: 'painter', model_id: 'painter', provider: 'openai', mode: 'image_generation' },
  ]);
});

it('bounds the calls at once of a deployment that names no number', async () => {
  const gate = Promise.withResolvers<void>();
  v.busy.use(async (exchange) => {
    await gate.promise;
    await openAiVendor({ reply: 'busy' })(exchange);
  });
  const before = v.busy.calls();
  const first = ask(bounded, 'busy');
  await v.busy.waitForRequests(before + 1);
  expect((await ask(bounded, 'busy')).status).toBe(429);
  const more = [ask(bounded, 'roomy'), ask(bounded, 'roomy')];
  await v.busy.waitForRequests(before + 3);
  gate.resolve();
  for (const { status } of await Promise.all([first, ...more])) expect(status).toBe(200);
});

it('refuses a reply that is larger than allowed', async () => {
  v.large.plays({ reply: 'x'.repeat(20_000) });
  const { status, error } = await ask(bounded, 'large');
  expect(status).toBe(502);
  expect(error?.message).toContain('more than 10485 bytes');
});

it('refuses a request that is larger than allowed', async () => {
  expect((await ask(bounded, 'large', { body: { padding: 'x'.repeat(120_000) } })).status).toBe(413);
});

it('is started by a vendor that nobody calls in the background without being told to', async () => {
  const vendor = await startVendor(openAiVendor());
  const gateway = await startGateway({ config: { model_list: [openAiDeployment('a', vendor)] } });
  expect(vendor.requests).toHaveLength(0);
  await gateway.stop();
});
