import { assertConforms, checkProvider } from '@rutter/plugin-sdk/testing';
import { it } from 'vitest';
import definition from './index.ts';

it('passes the kit', async () => {
  assertConforms(await checkProvider(definition));
});
