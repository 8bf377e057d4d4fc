/**
 * Scenarios, parameters, operations and failures through live gateways, by the
 * official SDK: whichever vendor answers, the client reads the same.
 *
 * What was found is written down, and the table in the documentation must be
 * exactly that.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Gateway, openAiClient, root, startGateway, startVendor, type Vendor } from '../support/index.ts';
import { chunksOf, user } from './client.ts';
import { broken, failures } from './failures.ts';
import { type Mode, modes, viaSimulated } from './judge.ts';
import { Matrix } from './matrix.ts';
import { operations } from './operations.ts';
import { harmless, outcomeOf, outcomes, parameters, send, titleOf } from './parameters.ts';
import { tokens } from './scenarios.ts';
import { describeFailures, describeLeaving } from './side-failures.ts';
import { describeSides, forEverySide, rows } from './vendor-matrix.ts';
import { anthropicDeployment, failing, once, openAiEntry, startWire, type Wire } from './vendors.ts';

const truthOf = (model: string) =>
  model === 'text' ? { text: '{"well":true}', finish: 'stop' as const, tokens } : undefined;

let wire: Wire;
let unconfigured: Gateway;
const matrix = new Matrix();

beforeAll(async () => {
  [wire, unconfigured] = await Promise.all([startWire(truthOf), startGateway({})]);
});
afterAll(() => Promise.all([wire?.gateway.stop(), unconfigured?.stop()]));

const bench = describeSides(matrix);

it.each(rows)('$title: the simulated provider of a gateway without configuration says the same', async (scenario) => {
  for (const mode of modes)
    for (const { truth } of [scenario, ...(scenario.further ?? [])]) {
      const { told, expected, ids } = await viaSimulated(unconfigured, { ...scenario, truth }, mode);
      expect(told).toEqual(expected);
      expect(new Set(ids).size).toBe(ids.length);
    }
  matrix.note('chat', scenario.title, 'Simulated', 'exact');
});

describe('each parameter', () => {
  it.each(parameters.map((one) => ({ ...one, title: titleOf(one) })))(
    '$title goes to OpenAI as it is, and is never lost on the way to another vendor',
    async (parameter) => {
      const { name, title } = parameter;
      await forEverySide(async (side) => {
        const outcome = await outcomeOf(bench(), side, parameter);
        matrix.note('parameters', title, side.title, outcome);
        // `metadata` is the gateway's own, as in LiteLLM.
        if (name === 'metadata') expect(outcome).toBe(outcomes.silent);
        else if (side.group === 'openai') expect(outcome).toBe(outcomes.passed);
        else expect(outcome).not.toBe(outcomes.silent);
      });
    },
  );

  it('is no reason to refuse a request where its value asks for nothing', async () => {
    await forEverySide(async (side) => {
      expect((await send(bench(), side, side.group, harmless)).translation).toBe('');
    });
  });
});

it('tells of what litellm_settings drops for every deployment', async () => {
  const gateway = await startGateway({
    config: {
      model_list: [
        anthropicDeployment('lenient', wire.anthropic, 'text'),
        anthropicDeployment('strict', wire.anthropic, 'text', { drop_params: false }),
      ],
      litellm_settings: { drop_params: true },
      router_settings: once,
    },
  });
  const ask = (model: string) =>
    openAiClient(gateway)
      .chat.completions.create({ model, messages: [user('Hello.')], seed: 7, n: 2 })
      .withResponse();
  expect((await ask('lenient')).response.headers.get('x-rutter-translation')).toBe('dropped n, seed');
  await expect(ask('strict')).rejects.toMatchObject({ status: 400, param: 'n' });
  await gateway.stop();
});

describe('each operation', () => {
  let gateway: Gateway;
  beforeAll(async () => {
    gateway = await startGateway({
      config: {
        model_list: [
          openAiEntry('from-openai', wire.openAi, 'text'),
          anthropicDeployment('from-anthropic', wire.anthropic, 'text'),
        ],
        router_settings: once,
      },
    });
  });
  afterAll(() => gateway?.stop());

  const anthropicHas = (title: string) => /^Models|^Text completions(, streamed)?$/.test(title);

  it.each(operations)('$title', async ({ title, run }) => {
    await run(openAiClient(unconfigured), 'simulated');
    matrix.note('operations', title, 'Simulated', 'yes');
    await run(openAiClient(gateway), 'from-openai');
    matrix.note('operations', title, 'OpenAI', 'yes');
    const viaAnthropic = run(openAiClient(gateway), 'from-anthropic');
    if (anthropicHas(title)) await viaAnthropic;
    else await expect(viaAnthropic).rejects.toThrow(OpenAI.BadRequestError);
    matrix.note('operations', title, 'Anthropic', anthropicHas(title) ? 'yes' : '400');
  });
});

describe('each failure', () => {
  let gateway: Gateway;
  let vendor: Vendor;
  beforeAll(async () => {
    vendor = await startVendor(failing(429));
    gateway = await startGateway({
      config: {
        model_list: [
          openAiEntry('from-openai', vendor, 'text'),
          anthropicDeployment('from-anthropic', vendor, 'text'),
          { model_name: 'simulated', litellm_params: { model: 'simulated/text' } },
        ],
        router_settings: once,
      },
    });
  });
  afterAll(() => gateway?.stop());

  const errorOf = async (client: OpenAI, model: string, mode: Mode, more: object = {}) => {
    const chat = { messages: [user('Hello.')], ...more };
    const asking =
      mode === 'whole' ? client.chat.completions.create({ ...chat, model }) : chunksOf(client, model, chat);
    const error = await asking.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(OpenAI.APIError);
    return error as InstanceType<typeof OpenAI.APIError>;
  };

  it.each(failures)('$title is the same error from every vendor, whole and streamed', async (expected) => {
    const { title, status, openAi, anthropic, simulate, kind, told } = expected;
    const cell = `${told} \`${kind.name}\``;
    const hold = (error: InstanceType<typeof OpenAI.APIError>) => {
      expect(error.constructor).toBe(kind);
      expect(error).toMatchObject({
        status: told,
        code: String(told),
        message: expect.not.stringContaining('sk-vendor'),
      });
      expect(error.headers?.get('x-litellm-call-id')).toMatch(/./);
    };
    for (const mode of modes) {
      vendor.use(failing(status, openAi));
      hold(await errorOf(openAiClient(gateway), 'from-openai', mode));
      vendor.use(failing(status, anthropic));
      hold(await errorOf(openAiClient(gateway), 'from-anthropic', mode));
      hold(await errorOf(openAiClient(gateway), 'simulated', mode, { simulate }));
    }
    matrix.note('failures', `${title} (${status})`, 'every vendor', cell);
  });

  it.each(broken)('$title is told as $told', async ({ title, handler, told }) => {
    vendor.use(handler);
    for (const mode of modes)
      for (const model of ['from-openai', 'from-anthropic']) {
        const error = await errorOf(openAiClient(gateway), model, mode);
        expect(error).toMatchObject({ status: told, code: String(told) });
        expect(error).toBeInstanceOf(OpenAI.InternalServerError);
      }
    matrix.note('failures', title, 'every vendor', `${told} \`InternalServerError\``);
  });
});

describeFailures(bench, matrix);
describeLeaving(bench, matrix);

it('is told by core/docs/compatibility.md as it was found', () => {
  const file = join(root, 'core/docs/compatibility.md');
  const found = matrix.text();
  if (process.env.RUTTER_WRITE_DOCS === '1') writeFileSync(file, found);
  expect(readFileSync(file, 'utf8'), 'run this file with RUTTER_WRITE_DOCS=1 to write it anew').toBe(found);
});
