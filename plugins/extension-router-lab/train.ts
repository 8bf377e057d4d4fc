/** `rutter train STRATEGY --data SOURCE --out FILE`. */
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { type Embedder, RutterError, type Store } from '@rutter/plugin-sdk';
import { cascadeName, readArtefact } from '@rutter/plugin-sdk/learning';
import { trainCascade } from './cascade.ts';
import { readData } from './data.ts';
import { exportChats, exportedNames } from './export.ts';
import { learnerOf, learners } from './learners.ts';
import { checkExportable, exportOnnx, importOnnx } from './onnx.ts';
import type { Output } from './output.ts';
import { trainAll } from './train-all.ts';
import { trainStatic } from './train-static.ts';
import { save, type TrainingOptions, trained, writeWhole } from './training.ts';

const usage = `rutter train STRATEGY --data OUTCOMES --out ARTEFACT
rutter train all --data OUTCOMES --out FOLDER
rutter train llmrouter-mlp --from-onnx NETWORK --models A,B --out ARTEFACT
rutter train embedder-static --from onnx|http --data TEXTS --out FOLDER

  STRATEGY             ${[...learners.keys()].join(', ')}
  ${cascadeName}    a table for a cascade, from rows of {"p_ver", "small", "large"}
  ${exportedNames.join(', ')}
                       export chats to fine-tune a model with elsewhere
  all                  every one of these into FOLDER/STRATEGY.rra, compared on questions none of them saw
  --data SOURCE        outcomes: .jsonl, .jsonl.gz or .csv, ours, LLMRouter's routing data or RouterBench's tables;
                       a folder of LLMRouter's files; or ledger, feedback in the gateway's own store
  --candidates FILE    LLMRouter's candidates: others are left out, prices tell costs
  --out FILE           where the artefact goes, and its card as FILE.md
  --onnx FILE          the network as ONNX as well
  --from-onnx FILE     a network learnt elsewhere, from the embedding of a question to one output a model
  --models A,B         the models of its outputs
  --seed N             the same seed and outcomes give the same bytes; 1 when absent
  --validation SHARE   share of the questions kept aside; 0.15 when absent
  --set NAME=JSON      an option of the learner (of embedder-static: dims, pieces, epochs); may be given more than once
  --from onnx|http     the configured embedder that a table of token vectors is learnt from; TEXTS has one a line, or .jsonl
  --vocab FILE         its WordPiece pieces; made of the texts when absent
`;

const refuse = (message: string) => new RutterError('ERR_CONFIG_INVALID', message);

function settingsOf(given: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    given.map((one) => {
      const at = one.indexOf('=');
      if (at < 1) throw refuse(`--set ${one}: expected NAME=JSON.`);
      const text = one.slice(at + 1);
      try {
        return [one.slice(0, at), JSON.parse(text)];
      } catch {
        throw refuse(`--set ${one}: ${JSON.stringify(text)} is not JSON.`);
      }
    }),
  );
}

function readArgs(args: readonly string[]) {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      data: { type: 'string' },
      candidates: { type: 'string' },
      out: { type: 'string' },
      onnx: { type: 'string' },
      'from-onnx': { type: 'string' },
      models: { type: 'string' },
      from: { type: 'string' },
      vocab: { type: 'string' },
      seed: { type: 'string', default: '1' },
      validation: { type: 'string', default: '0.15' },
      set: { type: 'string', multiple: true, default: [] },
      help: { type: 'boolean', default: false },
    },
  });
  return { ...values, strategy: positionals[0] };
}

type Args = ReturnType<typeof readArgs>;

function seedOf(seed: string): number {
  if (/^-?\d{1,9}$/.test(seed)) return Number(seed);
  throw refuse(`--seed is ${seed}; expected a whole number.`);
}

function optionsOf({ seed, validation, set }: Args, embedder: string): TrainingOptions {
  const validationShare = Number(validation);
  if (!(validationShare > 0 && validationShare < 0.9))
    throw refuse(`--validation is ${validation}; expected a share between 0 and 0.9.`);
  return { seed: seedOf(seed), validationShare, embedder, settings: settingsOf(set) };
}

function checkStrategy({ strategy, set, onnx }: Args): void {
  if (strategy !== 'all') learnerOf(strategy as string);
  else if (set.length > 0) throw refuse('--set is an option of one learner; expected none with "all".');
  if (onnx !== undefined) checkExportable(strategy as string);
}

async function imported(
  embedder: Embedder,
  { strategy, models, out, 'from-onnx': from }: Args,
  output: Output,
): Promise<number> {
  if (strategy !== 'llmrouter-mlp') throw refuse(`--from-onnx makes an artefact of llmrouter-mlp; found ${strategy}.`);
  const name = from as string;
  const file = await readFile(name).catch((error: Error) => {
    throw refuse(`${name} cannot be read: ${error.message}.`);
  });
  const bytes = importOnnx(file, { name, models: models?.split(',').map((one) => one.trim()), embedder });
  await writeWhole(out as string, bytes);
  const { header } = readArtefact(bytes, name);
  output.write(`${out}: ${bytes.length} bytes, models ${header.models.join(', ')}\n`);
  return 0;
}

const learnTable = (embedder: Embedder, given: Args, output: Output) =>
  trainStatic(
    embedder,
    {
      ...{ from: given.from, vocab: given.vocab, seed: seedOf(given.seed), settings: settingsOf(given.set) },
      ...{ data: given.data as string, out: given.out as string },
    },
    output,
  );

/** The exit code. */
export async function train(
  { embedder, store }: { readonly embedder: Embedder; readonly store: Store },
  args: readonly string[],
  output: Output,
): Promise<number> {
  const given = readArgs(args);
  const { strategy, data: source, out, onnx, candidates } = given;
  const isWhole = strategy !== undefined && out !== undefined && (source ?? given['from-onnx']) !== undefined;
  if (given.help || !isWhole) {
    output.write(usage);
    return given.help ? 0 : 1;
  }
  if (given['from-onnx'] !== undefined) return imported(embedder, given, output);
  const exported = await exportChats(strategy, { data: source as string, out }, output);
  if (exported !== undefined) return exported;
  if (strategy === cascadeName)
    return trainCascade(
      { data: source as string, out, seed: Number(given.seed), settings: settingsOf(given.set) },
      output,
    );
  if (strategy === 'embedder-static') return learnTable(embedder, given, output);
  checkStrategy(given);
  const options = optionsOf(given, embedder.version);
  const data = await readData(embedder, source as string, { side: 'train', candidates, store });
  output.write(`${data.outcomes.questions.length} questions, ${data.outcomes.models.length} models\n`);
  if (strategy === 'all') return trainAll(data, options, { out, source: source as string, output });
  const bytes = await trained({ strategy, data, options }, (line) => output.write(line));
  await save(bytes, { out, source: source as string, options }, output);
  if (onnx !== undefined) {
    await writeWhole(onnx, exportOnnx(readArtefact(bytes, out)));
    output.write(`${onnx}: the same network for use elsewhere\n`);
  }
  return 0;
}
