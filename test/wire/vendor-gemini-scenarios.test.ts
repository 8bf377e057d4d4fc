/** Every scenario that OpenAI's and Anthropic's models are held to, with Gemini's at the other end. */
import type OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Gateway, openAiClient, startGateway, startVendor, type Vendor } from '../support/index.ts';
import { askStream, askWhole } from './client.ts';
import { geminiSpeaker } from './gemini-side.ts';
import { scenarios } from './scenarios.ts';
import { type Told, type Truth, toldBy } from './truth.ts';
import { once } from './vendors.ts';

let vendor: Vendor;
let gateway: Gateway;
let client: OpenAI;
let truth: Truth;

beforeAll(async () => {
  vendor = await startVendor(geminiSpeaker(() => truth));
  gateway = await startGateway({
    config: {
      // Gemini cannot be kept to one call at a time, which one scenario asks for.
      model_list: [
        {
          model_name: '*',
          litellm_params: { model: 'gemini/*', api_base: vendor.url, api_key: 'k', drop_params: true },
        },
      ],
      router_settings: once,
    },
  });
  client = openAiClient(gateway);
});
afterAll(() => gateway?.stop());

/** Ids are the gateway's own: Gemini has none. */
const withoutIds = (told: Told) => ({ ...told, calls: told.calls.map(({ name, input }) => ({ name, input })) });

// Nobody answers at the address of the picture; that it is fetched has a test of its own.
const spoken = scenarios.filter(({ title }) => !title.includes('address'));

describe.each(['gemini-3-flash', 'gemini-flash-latest'])('%s', (model) => {
  it.each(spoken)('$title', async ({ chat, truth: said }) => {
    truth = said;
    for (const ask of [askWhole, askStream])
      expect(withoutIds(await ask(client, model, chat))).toEqual(withoutIds(toldBy(said)));
  });
});
