/** `rutter train llmrouter-automix`: the table by which a cascade keeps an answer or asks the larger model. */
import { createHash } from 'node:crypto';
import { RutterError, z } from '@rutter/plugin-sdk';
import {
  type CascadeCosts,
  type Family,
  families,
  learnMetaVerifier,
  readJsonLines,
  type VerifiedRow,
  writeCascade,
} from '@rutter/plugin-sdk/learning';
import type { Output } from './output.ts';
import { readText } from './text-file.ts';
import { writeWhole } from './training.ts';

const methods: Readonly<Record<string, readonly Family[]>> = {
  POMDP: families,
  POMDPSimple: ['pomdp'],
  GreedyPOMDP: ['greedy'],
  DoubleThreshold: ['double'],
  Threshold: ['threshold'],
};

/** AutoMix's names and, where it has them, its defaults. */
const settingsShape = z.strictObject({
  routing_method: z.enum(Object.keys(methods) as [string, ...string[]]).default('POMDP'),
  num_bins: z.int().min(1).max(64).default(8),
  costs: z
    .strictObject({
      small_model: z.number().positive().default(1),
      large_model: z.number().positive().default(50),
      verifier: z.number().min(0).default(1),
    })
    .prefault({}),
  columns: z
    .strictObject({
      slm: z.string().default('small'),
      llm: z.string().default('large'),
      verifier: z.string().default('p_ver'),
    })
    .prefault({}),
  models: z.tuple([z.string().min(1), z.string().min(1)]).optional(),
  upstream: z.enum(['rutter', 'faithful']).default('rutter'),
});
type Settings = z.output<typeof settingsShape>;

/** AutoMix's own columns, where those that were asked for are not there. */
const theirs = { slm: 'llama13b_f1', llm: 'llama70b_f1', verifier: 'p_ver_13b' } as const;
const foldsToChooseBy = 5;

export interface CascadeJob {
  readonly data: string;
  readonly out: string;
  readonly seed: number;
  readonly settings: Readonly<Record<string, unknown>>;
}

/** The exit code. */
export async function trainCascade({ data, out, seed, settings: given }: CascadeJob, output: Output): Promise<number> {
  const settings = settingsOf(given);
  const costs: CascadeCosts = {
    small: settings.costs.small_model,
    large: settings.costs.large_model,
    verifier: settings.costs.verifier,
  };
  if (costs.large <= costs.small)
    throw new RutterError(
      'ERR_CONFIG_INVALID',
      `--set costs: large_model is ${costs.large}; expected more than small_model, ${costs.small}.`,
    );
  const text = await readText(data);
  const rows = rowsOf(text, data, settings);
  const learnt = learnMetaVerifier(rows, {
    bins: settings.num_bins,
    costs,
    families: methods[settings.routing_method] as readonly Family[],
    folds: settings.upstream === 'faithful' ? 1 : foldsToChooseBy,
    seed,
  });
  if (learnt === undefined)
    throw new RutterError('ERR_CONFIG_INVALID', `${data} holds no rows to learn from; expected one a line.`);
  const { family, actions, lift } = learnt;
  const facts = { metrics: { lift, rows: rows.length }, dataHash: createHash('sha256').update(text).digest('hex') };
  const bytes = writeCascade({ models: settings.models ?? [], family, actions }, facts);
  await writeWhole(out, bytes);
  const asks = actions.flatMap((action, bin) => (action ? [(bin / settings.num_bins).toFixed(2)] : []));
  output.write(`${rows.length} rows, rule ${family}, lift ${lift.toFixed(4)}\n`);
  output.write(
    `asks the larger model at ${asks.join(', ') || 'no share'} of checks that said correct\n${out}: ${bytes.length} bytes\n`,
  );
  return 0;
}

function settingsOf(given: Readonly<Record<string, unknown>>): Settings {
  const read = settingsShape.safeParse(given);
  if (read.success) return read.data;
  const [first] = read.error.issues;
  throw new RutterError('ERR_CONFIG_INVALID', `--set ${first?.path.join('.') ?? ''}: ${first?.message}.`);
}

function rowsOf(text: string, path: string, { columns }: Settings): readonly VerifiedRow[] {
  const rows: VerifiedRow[] = [];
  for (const { fields: row, where } of readJsonLines(text, path)) {
    // AutoMix marks what is kept aside.
    if (typeof row.split === 'string' && row.split !== 'train') continue;
    const share = (column: keyof typeof theirs): number => {
      const name = columns[column];
      const value = row[name] ?? row[theirs[column]];
      if (typeof value === 'number' && value >= 0 && value <= 1) return value;
      const found = value === undefined ? 'missing' : JSON.stringify(value);
      throw new RutterError('ERR_CONFIG_INVALID', `${where}: ${name} is ${found}; expected a number from 0 to 1.`);
    };
    rows.push({ verified: share('verifier'), small: share('slm'), large: share('llm') });
  }
  return rows;
}
