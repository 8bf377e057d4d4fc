/**
 * Has a cheap model answer and check its own answer, and asks the next one up
 * where it does not hold, after AutoMix (https://arxiv.org/abs/2310.12963).
 *
 * The answer of a smaller model is held back until it has been decided; the
 * largest one's streams. Where that one fails, the smaller one's is given.
 */
import { artefact, type CallResult, definePlugin, RutterError, readPinned, z } from '@rutter/plugin-sdk';
import {
  byStrength,
  modelNamed,
  type PoolModel,
  poolOf,
  Rounds,
  resultOf,
  roundsOptions,
  tiersByStrength,
  upstreamOption,
} from '@rutter/plugin-sdk/rounds';
import { climb } from './cascade.ts';
import { ruleTable } from './table.ts';

const config = z.strictObject({
  models: z
    .array(z.string().min(1))
    .min(2)
    .max(8)
    .optional()
    .describe('The ladder, weakest first; all models of the group by price, else by size, else in order, when absent.'),
  model_path: artefact()
    .optional()
    .describe(
      'The table that "rutter train" wrote: a file, or an address such as s3://bucket/table.rra. Without it the threshold decides.',
    ),
  hot_reload: z.boolean().default(true).describe('Whether a changed table is read while the gateway runs.'),
  reload_interval: z.number().min(1).max(86_400).default(5).describe('Seconds between two looks at the table.'),
  threshold: z
    .number()
    .min(0)
    .max(1)
    .default(0.5)
    .describe('Without a table: up to this share of checks that said correct the next model is asked.'),
  checks: z.int().min(1).max(32).default(4).describe('Most checks of one answer.'),
  check_tokens: z.int().min(1).default(250).describe('Most tokens of a check.'),
  check_temperature: z
    .number()
    .min(0)
    .max(2)
    .optional()
    .describe('Of the checks, which must differ to say anything; the vendor’s own when absent.'),
  on_unknown: z
    .enum(['escalate', 'keep'])
    .default('escalate')
    .describe('What becomes of an answer that could not be checked: the next model is asked, or it is kept.'),
  most_characters: z
    .int()
    .min(1)
    .default(16_000)
    .describe('Characters of the conversation, and of the answer, that a check sees.'),
  upstream: upstreamOption('all checks are made, at temperature 1; checks that say nothing count as none correct.'),
  ...roundsOptions,
});

export default definePlugin({
  kind: 'strategy',
  config,
  async setup(host, options) {
    const isFaithful = options.upstream === 'faithful';
    const { checks, on_unknown: onUnknown } = options;
    const { model_path: path } = options;
    const table = await ruleTable(host, {
      file: path === undefined ? undefined : readPinned(path),
      reloadMs: options.hot_reload ? options.reload_interval * 1000 : 0,
      threshold: options.threshold,
    });
    return {
      limits: { calls: options.max_calls },
      dispose: () => table.close(),
      // Where no cascade can be, quality is what is kept.
      select: (_context, candidates) => tiersByStrength(candidates, onUnknown === 'keep' ? 'weakest' : 'strongest'),

      async orchestrate(context, candidates, invoke, call): Promise<CallResult | undefined> {
        const request = call.chat();
        const ladder = ladderOf(poolOf(candidates), options.models);
        if (ladder.length < 2 || (request.count ?? 1) > 1) {
          call.explain(
            ladder.length < 2 ? 'no ladder of two models' : 'no cascade, since several replies are asked for',
          );
          return undefined;
        }
        const rounds = new Rounds(host, { context, invoke }, options);
        const climbed = await climb(rounds, request.messages, {
          ladder,
          rule: table.rule,
          checks,
          checkTokens: options.check_tokens,
          checkTemperature: options.check_temperature ?? (isFaithful ? 1 : undefined),
          onUnknown: isFaithful ? 'escalate' : onUnknown,
          mostCharacters: options.most_characters,
          isThorough: isFaithful,
        });
        const { draft, next, told } = climbed;
        call.explain(told);
        const kept = draft && resultOf(draft.reply, draft.deployment);
        if (next === undefined) return kept;
        try {
          return await rounds.answer([next]);
        } catch (error) {
          context.signal.throwIfAborted();
          if (kept === undefined) throw error;
          call.explain(`${told}, which failed (${RutterError.from(error).code}), so the answer was kept`);
          return kept;
        }
      },
    };
  },
});

/** Names that are not there are left out. */
function ladderOf(pool: readonly PoolModel[], names: readonly string[] | undefined): readonly PoolModel[] {
  if (names === undefined) return byStrength(pool);
  const found = names.map((name) => modelNamed(pool, name)).filter((model) => model !== undefined);
  return [...new Set(found)];
}
