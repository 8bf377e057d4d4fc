/** `rutter train STRATEGY --data FILE --out FILE`. */
import { rename, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { type Embedder, RutterError } from '@rutter/plugin-sdk';
import { readArtefact, trainArtefact } from '@rutter/plugin-sdk/learning';
import { readData } from './data.ts';
import { learnerOf, learners } from './learners.ts';

export interface Output {
  write(text: string): void;
}

const usage = `rutter train STRATEGY --data OUTCOMES --out ARTEFACT

  STRATEGY             ${[...learners.keys()].join(', ')}
  --data FILE          outcomes, one a line: .jsonl or .jsonl.gz, ours or LLMRouter's routing data
  --out FILE           where the artefact goes
  --seed N             the same seed and outcomes give the same bytes; 1 when absent
  --validation SHARE   share of the questions kept aside; 0.15 when absent
  --set NAME=JSON      an option of the learner; may be given more than once
`;

function settingsOf(given: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    given.map((one) => {
      const at = one.indexOf('=');
      if (at < 1) throw new RutterError('ERR_CONFIG_INVALID', `--set ${one}: expected NAME=JSON.`);
      const text = one.slice(at + 1);
      try {
        return [one.slice(0, at), JSON.parse(text)];
      } catch {
        throw new RutterError('ERR_CONFIG_INVALID', `--set ${one}: ${JSON.stringify(text)} is not JSON.`);
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
      out: { type: 'string' },
      seed: { type: 'string', default: '1' },
      validation: { type: 'string', default: '0.15' },
      set: { type: 'string', multiple: true, default: [] },
      help: { type: 'boolean', default: false },
    },
  });
  return { ...values, strategy: positionals[0] };
}

/** The exit code. */
export async function train(embedder: Embedder, args: readonly string[], output: Output): Promise<number> {
  const { strategy, data, out, seed, validation, set, help } = readArgs(args);
  if (help || strategy === undefined || data === undefined || out === undefined) {
    output.write(usage);
    return help ? 0 : 1;
  }
  const learner = learnerOf(strategy);
  const validationShare = Number(validation);
  if (!(validationShare > 0 && validationShare < 0.9))
    throw new RutterError('ERR_CONFIG_INVALID', `--validation is ${validation}; expected a share between 0 and 0.9.`);
  const begun = performance.now();
  const { outcomes, raw, sha256 } = await readData(embedder, data);
  output.write(`${outcomes.questions.length} questions, ${outcomes.models.length} models\n`);
  const bytes = trainArtefact(learner, outcomes, raw, {
    seed: Number(seed),
    validationShare,
    embedder: embedder.version,
    dataHash: sha256,
    settings: settingsOf(set),
    onProgress({ step, share, loss }) {
      const spent = (performance.now() - begun) / 1000;
      const left = share > 0 ? ((spent / share) * (1 - share)).toFixed(0) : '?';
      output.write(`${step}${loss === undefined ? '' : `, loss ${loss.toFixed(4)}`}, at most ${left} s left\n`);
    },
  });
  const { header } = readArtefact(bytes, out);
  // Whole or not at all: a gateway may be watching the file.
  await writeFile(`${out}.part`, bytes);
  await rename(`${out}.part`, out);
  output.write(`${out}: ${bytes.length} bytes, SHA-256 of its numbers ${header.sha256}\n`);
  return 0;
}
