/** `rutter-plugin dev`: a gateway around one plugin, which takes up every saved file and shows every decision. */
import { existsSync } from 'node:fs';
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { RutterError } from '../contract/errors.ts';
import { packPlugin } from '../pack/pack.ts';
import { devConfiguration } from './dev-configuration.ts';
import { devLog } from './dev-log.ts';
import { readArguments } from './flags.ts';
import { findGateway, runGateway } from './gateway.ts';
import type { Terminal } from './terminal.ts';

const usage = 'rutter-plugin dev <folder> [--config FILE] [--port N]';

export const devHelp = `${usage}

Runs a gateway that uses the plugin in a folder, as a trusted one, with
simulated models that cost nothing. Each saved file is taken up at once; each
request shows which deployment served it and why, each refused change what is
wrong with it. Ctrl-C ends it.

  --config FILE   your own gateway configuration in place of the simulated models
  --port N        4000 when absent; 0 for any free one
`;

export async function dev(args: readonly string[], terminal: Terminal): Promise<number> {
  const { positionals, text } = readArguments(args, {
    options: { config: { type: 'string' }, port: { type: 'string' } },
    names: ['folder'],
    usage,
  });
  const port = portOf(text('port'));
  const base = configOf(text('config'), terminal.cwd);
  const path = resolve(terminal.cwd, positionals[0] as string);
  const folder = await realpath(path).catch((cause: unknown) => {
    throw new RutterError('ERR_REQUEST_INVALID', `Found no folder ${path}, expected a plugin there.`, { cause });
  });
  const program = findGateway();
  const scratch = await mkdtemp(join(tmpdir(), 'rutter-dev-'));
  try {
    return await serve({ folder, base, port, program, scratch }, terminal);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

interface Serving {
  readonly folder: string;
  readonly base: string | undefined;
  readonly port: number;
  readonly program: string;
  readonly scratch: string;
}

async function serve({ folder, base, port, program, scratch }: Serving, terminal: Terminal): Promise<number> {
  // Before anything is started: what is wrong with the plugin is told best by itself.
  const { manifest } = await packPlugin(folder, { outDir: join(scratch, 'packed'), schema: 'any' });
  const { text, model } = devConfiguration({ folder, kind: manifest.kind, manifest }, base);
  const config = join(scratch, 'rutter.yaml');
  await writeFile(config, text);
  const log = devLog(manifest.name, config);
  terminal.out(`Starting a gateway with the ${manifest.kind} "${manifest.name}" …\n`);
  return runGateway(program, {
    args: ['serve', '--config', config, '--port', String(port)],
    env: { ...(base === undefined ? withoutKeys(process.env) : process.env), RUTTER_DATA: join(scratch, 'data') },
    line(line) {
      const url = /\blistening on (https?:\/\/\S+)/.exec(line)?.[1];
      if (url !== undefined) terminal.out(invitation(url, model));
      else if (!isItsOwnInvitation(line)) show(log.tell(line), terminal);
    },
  });
}

function show(told: string | undefined, terminal: Terminal): void {
  if (told !== undefined) terminal.out(`${told}\n`);
}

function invitation(url: string, model: string): string {
  const body = JSON.stringify({ model, messages: [{ role: 'user', content: 'Why is the sky blue?' }] });
  return `Listening on ${url}. Save a file of the plugin to reload it; Ctrl-C ends.\n\n  curl ${url}/v1/chat/completions -H 'content-type: application/json' -d '${body}'\n\n`;
}

const isItsOwnInvitation = (line: string) => line === 'Try it:' || line.startsWith('  curl ');

/** Nobody has to show a key to a gateway that answers on this machine alone and costs nothing. */
function withoutKeys({ RUTTER_MASTER_KEY: _, LITELLM_MASTER_KEY: __, HOST: ___, ...others }: NodeJS.ProcessEnv) {
  return others;
}

function portOf(text: string | undefined): number {
  if (text === undefined) return 4_000;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= 65_535) return port;
  throw new RutterError('ERR_REQUEST_INVALID', `--port is "${text}"; expected a whole number from 0 to 65535.`);
}

function configOf(file: string | undefined, cwd: string): string | undefined {
  if (file === undefined) return undefined;
  const path = resolve(cwd, file);
  if (existsSync(path)) return path;
  throw new RutterError(
    'ERR_REQUEST_INVALID',
    `Found no file ${path}, expected a gateway configuration there (--config).`,
  );
}
