/** The plugin's configuration. */
import { z } from '@rutter/plugin-sdk';
import { scriptSchema } from './script.ts';

export const config = z.strictObject({
  defaults: scriptSchema.default({}).describe('Script of every model.'),
  models: z
    .record(z.string(), scriptSchema)
    .default({})
    .describe('Scripts by model name; each setting overrides the default one.'),
  scriptedByRequest: z.boolean().default(true).describe('Whether a request may bring a script of its own.'),
  embeddingDimensions: z
    .int()
    .min(1)
    .max(16_384)
    .default(256)
    .describe('Length of an embedding when the request names none.'),
});

export type Settings = z.output<typeof config>;
