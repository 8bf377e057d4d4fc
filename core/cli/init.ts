/** `rutter init`: writes a configuration to begin with, from the vendors' keys in the environment. */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { RutterError } from '@rutter/plugin-sdk';
import { composedFromEnvironment } from './given.ts';

const usage = `Usage: rutter init [file]

Writes a commented configuration, config.yaml when no file is named, from the
vendors' keys it finds in the environment: their names, never their values.
A file that exists is left as it is, and the command ends with 1.
`;

export async function init(args: readonly string[]): Promise<number> {
  const file = read(args);
  if (file === undefined) {
    process.stdout.write(usage);
    return 0;
  }
  const { yaml, notes } = await composedFromEnvironment();
  try {
    await writeFile(file, commented(yaml, notes), { flag: 'wx' });
  } catch (error) {
    throw refusal(file, error as NodeJS.ErrnoException);
  }
  const told = [
    ...notes,
    `${file} was written. Look through it, then: rutter check ${file}; rutter serve --config ${file}`,
  ];
  process.stdout.write(told.map((line) => `${line}\n`).join(''));
  return 0;
}

function read(args: readonly string[]): string | undefined {
  try {
    const options = { help: { type: 'boolean', short: 'h' } } as const;
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
    if (values.help) return undefined;
    const [file = 'config.yaml', ...more] = positionals;
    if (more.length > 0) throw new Error(`Found ${positionals.length} files; expected one.`);
    return file;
  } catch (error) {
    throw new RutterError('ERR_CONFIG_INVALID', `${(error as Error).message} See rutter init --help.`, {
      cause: error,
    });
  }
}

function refusal(file: string, error: NodeJS.ErrnoException): RutterError {
  const why =
    error.code === 'EEXIST' ? 'it exists, and is left as it is. Name another file' : `${error.code ?? error.message}`;
  return new RutterError('ERR_CONFIG_INVALID', `${file} was not written: ${why}.`, { cause: error });
}

function commented(yaml: string, notes: readonly string[]): string {
  const blocks = yaml.replace(/^(\w+):/gm, (line, name: string) =>
    comments[name] ? `${comments[name]}${line}` : line,
  );
  return `${head}${notes.map((note) => `# ${note}\n`).join('')}${blocks}${yaml.includes('general_settings:') ? '' : withoutKey}${more}`;
}

const head = `# Configuration of Rutter. Every key: core/docs/configuration.md; LiteLLM's keys mean what they mean there.
# "os.environ/NAME" stands for the value of a variable: no key stands in this file.
#
`;

const comments: Readonly<Record<string, string>> = {
  model_list: `
# What callers may ask for. Entries of one model_name share the load; "*" takes any name.
`,
  general_settings: `
# The gateway itself. Callers send the master key, as "Authorization: Bearer …".
`,
};

const withoutKey = `
# Without a master key the gateway listens on this machine only, and asks nobody who they are.
# general_settings:
#   master_key: os.environ/RUTTER_MASTER_KEY
`;

const more = `
# How deployments are chosen, and what happens when one fails.
router_settings:
  routing_strategy: simple-shuffle
  num_retries: 2
  timeout: 600
  # Where a model has failed, these stand in, in order:
  # fallbacks: [{ first-model: [second-model] }]

# What applies to every call.
litellm_settings:
  # Leave out parameters that a vendor does not know, instead of refusing the request.
  drop_params: false
`;
