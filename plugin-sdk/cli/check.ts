/** `rutter-plugin check`: everything that can be said of a plugin without a gateway. */
import { mkdir, mkdtemp, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { RutterError } from '../contract/errors.ts';
import type { Manifest } from '../contract/plugin.ts';
import { describeFolder, type PackResult, packPlugin } from '../pack/pack.ts';
import { tellUnportable } from '../pack/portable.ts';
import { checkConformance } from './check-conformance.ts';
import { checkTests } from './check-tests.ts';
import { checkTypes } from './check-types.ts';
import { count, type Finding, failed, passed, problemsOf, skipped, tellFinding } from './findings.ts';
import { readArguments } from './flags.ts';
import type { Terminal } from './terminal.ts';

const usage = 'rutter-plugin check <folder> [--options FILE]';

export const checkHelp = `${usage}

Checks the plugin in a folder, which needs no packages installed:

  manifest      the "rutter" block of its package.json
  types         TypeScript, against the types of this SDK
  pack          its sources become one text
  options       JSON Schema can carry the schema of its options: no transforms,
                no refinements, no types of JavaScript's own
  conformance   the suite of its kind, run on that text
  tests         its *.test.* files that use node:test

  --options FILE   JSON with the plugin's options, for the conformance suite

Ends with 0 when nothing is wrong, else with 1. Nothing is written into the folder.
`;

export async function check(args: readonly string[], terminal: Terminal): Promise<number> {
  const { positionals, text } = readArguments(args, {
    options: { options: { type: 'string' } },
    names: ['folder'],
    usage,
  });
  const path = resolve(terminal.cwd, positionals[0] as string);
  const folder = await realpath(path).catch((cause: unknown) => {
    throw new RutterError('ERR_REQUEST_INVALID', `Found no folder ${path}, expected a plugin there.`, { cause });
  });
  const options = await readOptions(text('options'), terminal.cwd);
  const scratch = await mkdtemp(join(tmpdir(), 'rutter-plugin-'));
  const results: Finding['result'][] = [];
  try {
    for await (const finding of findings({ folder, options, scratch })) {
      terminal.out(tellFinding(finding));
      results.push(finding.result);
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  const failures = results.filter((result) => result === 'failed').length;
  const sound = results.includes('skipped') ? 'Nothing is wrong in what was checked.' : 'Nothing is wrong.';
  terminal.out(`${failures === 0 ? sound : `${count(failures, 'step')} failed.`}\n`);
  return failures === 0 ? 0 : 1;
}

async function readOptions(file: string | undefined, cwd: string): Promise<unknown> {
  if (file === undefined) return undefined;
  const path = resolve(cwd, file);
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error);
    throw new RutterError('ERR_REQUEST_INVALID', `${path}: expected a file of JSON: ${found}`, { cause: error });
  }
}

interface Task {
  readonly folder: string;
  readonly options: unknown;
  readonly scratch: string;
}

/** In order, each as soon as it is known. A step that cannot be taken says so. */
async function* findings({ folder, options, scratch }: Task): AsyncIterable<Finding> {
  let manifest: Manifest;
  try {
    const described = await describeFolder(folder);
    manifest = described.manifest;
    const { kind, name, version, entry } = manifest;
    yield passed(
      'manifest',
      described.isPlain ? `none: ${entry} says it all` : `${kind} "${name}" ${version}, entry ${entry}`,
    );
  } catch (error) {
    yield failed('manifest', problemsOf(error, join(folder, 'package.json')));
    for (const step of ['types', 'pack', 'conformance', 'tests']) yield skipped(step, 'the manifest comes first');
    return;
  }
  const entry = join(folder, manifest.entry);
  // The compiler is a process of its own: it works while this one packs.
  const types = checkTypes(folder, scratch);
  const packing = packOrFind(folder, { outDir: join(scratch, 'packed'), entry });
  yield await types;
  const packed = await packing;
  if ('result' in packed) yield packed;
  else yield passed('pack', `${packed.manifest.digest.slice(0, 12)}…, ${await sizeOf(packed.file)}`);
  if ('result' in packed) {
    for (const step of ['options', 'conformance']) yield skipped(step, 'there is no packed text');
  } else {
    yield checkOptions(packed, entry);
    const dataFolder = join(scratch, 'data');
    await mkdir(dataFolder);
    yield await checkConformance({ folder, entry, packed, options, dataFolder });
  }
  yield await checkTests(folder);
}

/** A trusted plugin of which this fails still runs, by its own schema; in the sandbox it is refused. */
function checkOptions({ manifest, unportable }: PackResult, entry: string): Finding {
  if (unportable.length > 0)
    return failed(
      'options',
      unportable.map((one) => `${entry}: ${tellUnportable(one)}`),
    );
  const { properties = {} } = (manifest.config ?? {}) as { readonly properties?: object };
  return passed('options', `${count(Object.keys(properties).length, 'option')}, described whole by JSON Schema`);
}

async function packOrFind(
  folder: string,
  { outDir, entry }: { readonly outDir: string; readonly entry: string },
): Promise<PackResult | Finding> {
  try {
    return await packPlugin(folder, { outDir, schema: 'any' });
  } catch (error) {
    return failed('pack', problemsOf(error, entry));
  }
}

async function sizeOf(file: string): Promise<string> {
  const { length } = await readFile(file);
  return length < 1_024 ? `${length} bytes` : `${(length / 1_024).toFixed(1)} KiB`;
}
