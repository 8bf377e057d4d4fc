/**
 * A strategy that serves an artefact: reads it from disk, watches it, judges
 * the words of each request, and leaves what it does not know to the next.
 */
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { z } from 'zod';
import type { Explanation, Judgement } from '../contract/decision.ts';
import { RutterError } from '../contract/errors.ts';
import type { Host } from '../contract/host.ts';
import { artefact, type Instance, type PinnedFile, readPinned } from '../contract/plugin.ts';
import type { Candidate, RequestContext } from '../contract/request.ts';
import { type Artefact, readArtefact } from './artefact.ts';
import { rankModels } from './decide.ts';
import { inSpace, type RawFeatures, rawFeatures } from './features.ts';
import { type FollowedFile, followFile } from './follow-file.ts';
import { type Judge, type JudgeOf, predictorFor } from './judge.ts';
import type { Learner, Predictor } from './learner.ts';
import { restorePredictor } from './train.ts';

/** Options of every strategy that serves an artefact; LLMRouter's names. */
export const learnedStrategyConfig = z.strictObject({
  model_path: artefact()
    .optional()
    .describe(
      'The artefact that "rutter train" wrote: a file, relative to the one that names it, or an address such as s3://bucket/router.rra; #sha256=… at its end pins it. Without it nothing is decided here.',
    ),
  artefact: artefact().optional().describe('Another name of model_path, which stands above it.'),
  hot_reload: z.boolean().default(true).describe('Whether a changed artefact is read while the gateway runs.'),
  reload_interval: z.number().min(1).max(86_400).default(5).describe('Seconds between two looks at the artefact.'),
  llm_data_path: z
    .string()
    .optional()
    .describe(
      'LLMRouter’s file of candidates, {NAME: {"model": MODEL}}: the deployments of MODEL are what the artefact calls NAME.',
    ),
  label_mapping: z
    .record(z.string(), z.string())
    .optional()
    .describe('The model that each name in the artefact stands for; over llm_data_path.'),
  cost_weight: z
    .number()
    .min(0)
    .max(1000)
    .default(0)
    .describe(
      'What the usual price of the dearest model weighs against a whole point of quality; 0 for quality alone.',
    ),
});

export const learnedStrategyOptions = (
  config: z.output<typeof learnedStrategyConfig>,
): Omit<LearnedStrategyOptions, 'learner'> => ({
  file: pinnedFile(config.model_path ?? config.artefact),
  reloadMs: config.hot_reload ? config.reload_interval * 1000 : 0,
  costWeight: config.cost_weight,
  candidatesPath: config.llm_data_path,
  labels: config.label_mapping,
});

const pinnedFile = (said: string | undefined) => (said === undefined ? undefined : readPinned(said));

export interface LearnedStrategyOptions {
  readonly learner: Pick<Learner, 'name' | 'restore'>;
  /**
   * The artefact; without one every choice is left to the next strategy. One that is pinned to its digest never
   * changes, and set-up fails where it cannot be read; any other is waited for.
   */
  readonly file?: PinnedFile | undefined;
  /** How often the file is looked at for a change, beside the events of its folder; 0 never. */
  readonly reloadMs: number;
  readonly costWeight: number;
  /** Who judges in the stead of what was learnt alone, by feedback for instance. */
  readonly judge?: JudgeOf;
  /** LLMRouter's file of candidates, and names of one's own over it. */
  readonly candidatesPath?: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** What decides where nothing learnt does, and what it goes by, in words. */
  readonly untrained?: (
    context: RequestContext,
    candidates: readonly Candidate[],
  ) => { readonly tiers: (readonly Candidate[])[]; readonly reason: string } | undefined;
}

interface Loaded {
  readonly artefact: Artefact;
  readonly predictor: Predictor;
  readonly costUnit: number;
  readonly judge: Judge | undefined;
  /** Model index by name. */
  readonly models: ReadonlyMap<string, number>;
  /** The artefact's name by model, where the configuration tells it. */
  readonly aliases: ReadonlyMap<string, string>;
  /** Of the whole file. */
  readonly digest: string;
}

const mostBytes = 512 * 1024 * 1024;

/** Pickles can run code when they are read; they never are. */
function refusePickle(path: string, strategy: string): void {
  if (!/\.(?:pt|pth|pkl|pickle|joblib)$/i.test(path)) return;
  const out = path.replace(/\.\w+$/, '.rra');
  throw new RutterError(
    'ERR_CONFIG_INVALID',
    `${path} looks like a pickled or PyTorch file, which could run code and is never read. Run: rutter train ${strategy} --data OUTCOMES.jsonl --out ${out}`,
  );
}

async function load(
  { path, sha256 }: PinnedFile,
  learner: LearnedStrategyOptions['learner'],
  embedder: string,
  aliases: ReadonlyMap<string, string>,
): Promise<Omit<Loaded, 'judge'>> {
  const { size } = await stat(path);
  if (size > mostBytes)
    throw new RutterError('ERR_CONFIG_INVALID', `${path} has ${size} bytes; expected at most ${mostBytes}.`);
  const bytes = await readFile(path);
  const digest = createHash('sha256').update(bytes).digest('hex');
  if (sha256 !== undefined && digest !== sha256)
    throw new RutterError('ERR_CONFIG_INVALID', `${path} has SHA-256 ${digest}; expected ${sha256}.`);
  const artefact = readArtefact(bytes, path);
  const { header } = artefact;
  if (header.strategy !== learner.name)
    throw new RutterError(
      'ERR_CONFIG_INVALID',
      `${path} was trained for ${header.strategy}; expected ${learner.name}.`,
    );
  if (header.embedder !== embedder)
    throw new RutterError(
      'ERR_CONFIG_INVALID',
      `${path} was trained with embedder ${header.embedder}; the gateway has ${embedder}. Train it again, or configure that embedder.`,
    );
  return {
    artefact,
    ...restorePredictor(learner, artefact),
    models: new Map(header.models.map((model, index) => [model, index])),
    aliases,
    digest: digest.slice(0, 16),
  };
}

const mostCandidatesBytes = 16 * 1024 * 1024;

/** The name in the artefact by each model that candidates tell; LLMRouter's `llm_data` file, and labels over it. */
async function readAliases(
  path: string | undefined,
  labels: Readonly<Record<string, string>> | undefined,
): Promise<ReadonlyMap<string, string>> {
  const aliases = new Map<string, string>();
  if (path !== undefined) {
    const refuse = (found: string) =>
      new RutterError(
        'ERR_CONFIG_INVALID',
        `llm_data_path ${path}: found ${found}; expected {NAME: {"model": MODEL}}, as LLMRouter has it.`,
      );
    const { size } = await stat(path);
    if (size > mostCandidatesBytes) throw refuse(`${size} bytes`);
    let told: unknown;
    try {
      told = JSON.parse(await readFile(path, 'utf8'));
    } catch (error) {
      throw refuse(error instanceof SyntaxError ? 'what is not JSON' : String(error));
    }
    if (typeof told !== 'object' || told === null || Array.isArray(told)) throw refuse('no object');
    for (const [name, about] of Object.entries(told as Record<string, { readonly model?: unknown } | null>))
      if (typeof about?.model === 'string') aliases.set(about.model, name);
  }
  for (const [name, model] of Object.entries(labels ?? {})) aliases.set(model, name);
  return aliases;
}

/** The names an artefact may know a deployment's model by, the nearest first. */
function namesOf({ deployment }: Candidate): readonly string[] {
  const { model, provider, group, info } = deployment;
  const named = typeof info.router_model === 'string' ? [info.router_model] : [];
  return [...named, model, `${provider}/${model}`, model.slice(model.lastIndexOf('/') + 1), group];
}

const feature = (name: string) => `${name}:text`;

/** What was measured of a request's words, once for all strategies that learnt. */
const measured = new WeakMap<RequestContext, RawFeatures>();

/** What has learnt, for strategies that ask it about other texts than the request's. */
export interface LearnedRouter {
  readonly strategy: Instance<'strategy'>;
  /** Tiers, best first, for a text of one's own; undefined without an artefact, or where it knows none of the candidates. */
  rankText(text: string, candidates: readonly Candidate[]): Promise<(readonly Candidate[])[] | undefined>;
}

export const learnedStrategy = async (host: Host, options: LearnedStrategyOptions): Promise<Instance<'strategy'>> =>
  (await learnedRouter(host, options)).strategy;

/** Waits for the first reading of the artefact, so that no request meets a strategy that could have known better. */
export async function learnedRouter(host: Host, options: LearnedStrategyOptions): Promise<LearnedRouter> {
  const { learner, file, reloadMs, costWeight } = options;
  const embedder = host.use('embedder');
  const strangers = strangersOf(host);
  const explanations = new WeakMap<RequestContext, Explanation>();
  if (file === undefined)
    host.log.warn({}, `no model_path: ${host.name} decides nothing; train one with "rutter train ${learner.name}"`);
  let loaded: Loaded | undefined;
  const take = async (pinned: PinnedFile) => {
    const aliases = await readAliases(options.candidatesPath, options.labels);
    const found = await load(pinned, learner, embedder.version, aliases);
    const judge = await options.judge?.({ host, ...found });
    loaded?.judge?.stop();
    loaded = { ...found, judge };
    host.log.info({ models: found.artefact.header.models, metrics: found.artefact.header.metrics }, 'router loaded');
  };
  let following: FollowedFile | undefined;
  const check = () => refusePickle(file?.path ?? '', learner.name);
  if (file?.sha256 !== undefined) {
    check();
    await take(file);
  } else if (file !== undefined)
    following = await followFile(host, { path: file.path, everyMs: reloadMs, check, take: () => take(file) });
  host.features.define(
    feature(host.name),
    async (context, text) => {
      // Asked of the kernel, which embeds a request once, whoever wants it.
      const embedding = await context.features.want('embedding');
      if (!(embedding instanceof Float32Array)) return 0;
      if (!measured.has(context)) measured.set(context, rawFeatures(text, embedding));
      return 1;
    },
    { timeoutMs: 1_250 },
  );

  /** Why it leaves everything to others. Records are read by those who may not know the paths of the machine. */
  const silence = () => {
    if (file === undefined) return 'no model_path is set';
    if (loaded) return 'the words of the request could not be read in time';
    return following?.trouble?.replaceAll(file.path, basename(file.path)) ?? 'nothing has been loaded';
  };

  const unlearnt = (context: RequestContext, candidates: readonly Candidate[], why: string) => {
    const found = options.untrained?.(context, candidates);
    explanations.set(context, { reason: found ? `${found.reason}, for ${why}` : why });
    return found?.tiers;
  };

  const strategy: Instance<'strategy'> = {
    async prepare(context) {
      if (loaded) await context.features.want(feature(host.name));
    },
    select(context, candidates) {
      const raw = measured.get(context);
      if (!loaded || !raw) return unlearnt(context, candidates, silence());
      const predictor = predictorFor(loaded, context);
      const { tiers, explanation } = ranked({ ...loaded, predictor }, raw, candidates, costWeight);
      explanations.set(context, explanation);
      if (tiers) return tiers;
      strangers.tell(context.group, loaded.artefact.header.models);
      return unlearnt(context, candidates, explanation.reason ?? silence());
    },
    explain: (context) => explanations.get(context) ?? { reason: silence() },
    dispose() {
      following?.close();
      loaded?.judge?.stop();
    },
  };
  return {
    strategy,
    async rankText(text, candidates) {
      if (!loaded) return undefined;
      const [embedding] = await embedder.embed([text]);
      return embedding && ranked(loaded, rawFeatures(text, embedding), candidates, costWeight).tiers;
    },
  };
}

const mostGroups = 100;

/** Says once a group that the artefact has no word on any of its deployments, and again when others are known. */
function strangersOf(host: Host) {
  const told = new Map<string, readonly string[]>();
  return {
    tell(group: string, models: readonly string[]) {
      if (told.get(group) === models || told.size >= mostGroups) return;
      told.set(group, models);
      host.log.warn(
        { group, models: models.slice(0, mostGroups) },
        `the router knows none of the deployments of ${group}: the next strategy decides; model_info.router_model may name one of its models`,
      );
    },
  };
}

interface Ranked {
  readonly tiers: (readonly Candidate[])[] | undefined;
  readonly explanation: Explanation;
}

/** Tiers, best first: deployments of one model are a tie; those of unknown models come last. */
function ranked(
  { artefact, predictor, costUnit, models, aliases, digest }: Loaded,
  raw: RawFeatures,
  candidates: readonly Candidate[],
  costWeight: number,
): Ranked {
  const byModel = new Map<number, Candidate[]>();
  const unknown: Candidate[] = [];
  for (const candidate of candidates) {
    const model = namesOf(candidate)
      .flatMap((name) => [aliases.get(name) ?? name, name])
      .map((name) => models.get(name))
      .find((index) => index !== undefined);
    if (model === undefined) unknown.push(candidate);
    else byModel.set(model, [...(byModel.get(model) ?? []), candidate]);
  }
  if (byModel.size === 0)
    return {
      tiers: undefined,
      explanation: {
        version: digest,
        reason: `it knows none of these models; trained for ${artefact.header.models.join(', ')}`,
      },
    };
  const order = rankModels(predictor, inSpace(artefact.space, raw), {
    costWeight,
    costUnit,
    allowed: [...byModel.keys()].sort((a, b) => a - b),
  });
  const tiers: Candidate[][] = order.map(({ model }) => byModel.get(model) as Candidate[]);
  const judged = order.flatMap(({ utility, quality, costUsd }, tier): Judgement[] =>
    (tiers[tier] as Candidate[]).map((candidate) => ({
      ...{ candidate, score: utility, quality },
      ...(costUsd !== undefined && { costUsd }),
    })),
  );
  if (unknown.length > 0) tiers.push(unknown);
  return { tiers, explanation: { version: digest, judged } };
}
