/** The options: experiments as the kernel reads them, and what the guard of each goes by. */
import { z } from '@rutter/plugin-sdk';

const guard = z
  .strictObject({
    min_marks: z.int().min(2).max(1_000_000).default(100).describe('Ratings that each of two variants must have.'),
    confidence: z
      .number()
      .min(0.5)
      .max(0.999)
      .default(0.9)
      .describe('How sure it must be that the answers are worse; 0.5 for any measured difference.'),
  })
  .describe('Switches a variant off whose answers are rated worse than those of the first one.');

const variant = z.looseObject({
  variant: z.string().describe('Its name.'),
  weight: z.number().min(0).describe('Its share, over the sum of all.'),
  routing_strategy: z.string().optional().describe('The strategy; what is configured otherwise when absent.'),
});

const experiment = z.looseObject({
  experiment: z.string().describe('Its name, and the salt when there is none.'),
  models: z.array(z.string()).optional().describe('Model groups it is about; all when absent.'),
  variants: z.array(variant).default([]).describe('What requests are shared among; the first is the baseline.'),
  guard: z
    .union([guard, z.literal(false)])
    .optional()
    .describe('`false` for none; as by default when absent.'),
});

export const config = z.strictObject({
  experiments: z.array(experiment).default([]).describe('`router_settings.experiments`.'),
  interval: z.number().min(0.1).max(3600).default(5).describe('Seconds between two looks at the ratings.'),
  exposure_days: z
    .number()
    .positive()
    .max(3650)
    .default(90)
    .describe('Days for which is known which variant a request was given.'),
});

export interface ConfiguredExperiment {
  readonly name: string;
  readonly models: readonly string[] | undefined;
  readonly variants: readonly {
    readonly name: string;
    readonly weight: number;
    readonly strategy: string | undefined;
  }[];
  readonly guard: z.output<typeof guard> | undefined;
  /** What its variants are, in one text. */
  readonly digest: string;
}

export function configured({ experiments }: z.output<typeof config>): readonly ConfiguredExperiment[] {
  return experiments.map(({ experiment: name, models, variants, guard: own }) => ({
    ...{ name, models, digest: JSON.stringify(variants) },
    variants: variants.map((one) => ({ name: one.variant, weight: one.weight, strategy: one.routing_strategy })),
    guard: own === false ? undefined : (own ?? guard.parse({})),
  }));
}
