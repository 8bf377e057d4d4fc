import { type Call, type Embedder, type RequestContext, RutterError } from '@rutter/plugin-sdk';
import { assertConforms, checkStrategy, fakeHost, requestContext } from '@rutter/plugin-sdk/testing';
import { expect, it } from 'vitest';
import plugin from './index.ts';

const embedder: Embedder = {
  dimensions: 2,
  version: 'test-2',
  embed: async (texts) => texts.map((text) => Float32Array.of(text.length, 1)),
};

it('conforms to what every strategy must hold to', async () => {
  assertConforms(await checkStrategy(plugin, { host: { services: { embedder } } }));
});

it('takes a threshold from 0 to 1', () => {
  expect(plugin.config.parse({ threshold: 0.116 })).toMatchObject({ threshold: 0.116, cost_weight: 0 });
  expect(() => plugin.config.parse({ threshold: 1.1 })).toThrow('threshold');
});

it('refuses a name with its prefix and no threshold behind it, and leaves every other name alone', async () => {
  const { guard } = await plugin.setup(fakeHost({ services: { embedder } }), plugin.config.parse({}));
  const asked = (group: string) =>
    guard?.authorise?.(requestContext({ group }) as RequestContext, { model: group } as Call, [group]);
  for (const group of ['router-mf-0.116', 'router-mf-0', 'router-mf-1', 'router-mf-.5', 'gpt-4', 'router-mf'])
    asked(group);
  for (const group of ['router-mf-', 'router-mf-1.5', 'router-mf--1', 'router-mf-high', 'router-mf-0x1']) {
    let refused: unknown;
    try {
      asked(group);
    } catch (error) {
      refused = error;
    }
    expect(RutterError.is(refused) && [refused.code, refused.param]).toEqual(['ERR_REQUEST_UNKNOWN_MODEL', 'model']);
  }
});
