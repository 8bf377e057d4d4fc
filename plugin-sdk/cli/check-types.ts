/**
 * Checks a plugin's TypeScript with the types of this SDK.
 *
 * The folder stays as it is, and needs no packages of its own: the settings of
 * the check lie elsewhere, lean on the folder's tsconfig.json where it has one,
 * and lead to the SDK and to the types of Node that this command can reach.
 */
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { type ChildResult, runChild } from './child.ts';
import { count, type Finding, failed, passed, skipped } from './findings.ts';
import { sdkFolder, sdkTypes } from './sdk.ts';
import { sourcesIn } from './sources.ts';

const step = 'types';
const timeoutMs = 120_000;

interface Compiler {
  readonly script: string;
  readonly version: string;
  /** The folder of `node`, the types of Node. */
  readonly typeRoot: string;
}

/** `scratch` is a folder to write in, outside of the plugin's. */
export async function checkTypes(folder: string, scratch: string): Promise<Finding> {
  const sources = await sourcesIn(folder, /(?<!\.d)\.m?ts$/);
  if (sources.length === 0) return skipped(step, 'there is no TypeScript here');
  const compiler = await findCompiler();
  if (typeof compiler === 'string')
    return skipped(step, `NOT CHECKED: this command can load no package "${compiler}". Install it beside the SDK.`);
  const project = join(scratch, 'tsconfig.json');
  await writeFile(project, JSON.stringify(settings(folder, compiler)));
  const result = await runChild(process.execPath, [compiler.script, '--project', project, '--pretty', 'false'], {
    cwd: folder,
    timeoutMs,
  });
  if (result.code === undefined) return failed(step, [`${folder}: the compiler took longer than ${timeoutMs} ms`]);
  const problems = problemsIn(result, folder);
  if (problems.length > 0) return failed(step, problems);
  return passed(step, `${count(sources.length, 'file')}, TypeScript ${compiler.version}`);
}

/** Name of the package that is missing when there is no compiler. */
async function findCompiler(): Promise<Compiler | string> {
  const { resolve: find } = createRequire(join(sdkFolder, 'package.json'));
  const locate = (name: string) => {
    try {
      return find(`${name}/package.json`);
    } catch {
      return undefined;
    }
  };
  const found = locate('typescript-7') ?? locate('typescript');
  if (found === undefined) return 'typescript';
  const types = locate('@types/node');
  if (types === undefined) return '@types/node';
  const { version } = JSON.parse(await readFile(found, 'utf8'));
  return { script: join(dirname(found), 'bin', 'tsc'), version, typeRoot: dirname(dirname(types)) };
}

function settings(folder: string, { typeRoot }: Compiler): object {
  const own = join(folder, 'tsconfig.json');
  return {
    ...(existsSync(own) && { extends: own }),
    compilerOptions: {
      ...(existsSync(own) ? {} : strictSettings),
      ...writesNothing,
      allowImportingTsExtensions: true,
      skipLibCheck: true,
      types: ['node'],
      typeRoots: [join(folder, 'node_modules', '@types'), typeRoot],
      rootDir: '/',
      paths: sdkTypes(),
    },
    include: [`${folder}/**/*`],
    exclude: [`${folder}/node_modules`, `${folder}/dist`],
  };
}

const strictSettings = {
  target: 'es2024',
  lib: ['es2024'],
  module: 'nodenext',
  strict: true,
  verbatimModuleSyntax: true,
};

const writesNothing = {
  noEmit: true,
  composite: false,
  incremental: false,
  declaration: false,
  declarationMap: false,
  emitDeclarationOnly: false,
  tsBuildInfoFile: null,
};

/** Problems outside of the folder are not its author's, unless there is nothing else to explain the failure. */
function problemsIn({ code, stdout, stderr }: ChildResult, folder: string): readonly string[] {
  const problems: string[] = [];
  let isOurs = false;
  for (const line of stdout.split('\n')) {
    const found = /^(.+?)\((\d+),(\d+)\): error (.*)$/.exec(line);
    const general = /^error (.*)$/.exec(line);
    if (found !== null) {
      const file = resolve(folder, found[1] as string);
      isOurs = file.startsWith(`${folder}/`) || file.startsWith(`${folder}\\`);
      if (isOurs) problems.push(`${file}:${found[2]}:${found[3]}: ${found[4]}`);
    } else if (general !== null) {
      isOurs = true;
      problems.push(`${folder}: ${general[1]}`);
    } else if (isOurs && line.startsWith(' ')) {
      problems.push(`${problems.pop()}\n${line}`);
    }
  }
  const hasSpoken = problems.length > 0 || /: error TS/.test(stdout);
  return code === 0 || hasSpoken ? problems : [`${folder}: the compiler failed: ${(stderr || stdout).slice(0, 2_000)}`];
}
