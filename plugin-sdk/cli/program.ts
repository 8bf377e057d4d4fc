/** The `rutter-plugin` program: which command, and how it ends. */
import { RutterError } from '../contract/errors.ts';
import { didYouMean } from '../pack/nearest.ts';
import { check, checkHelp } from './check.ts';
import { create, createHelp } from './create.ts';
import { dev, devHelp } from './dev.ts';
import { pack, packHelp } from './pack.ts';
import { publish, publishHelp } from './publish.ts';
import { keygen, keygenHelp, sign, signHelp, verify, verifyHelp } from './sign.ts';
import type { Terminal } from './terminal.ts';

interface Command {
  readonly summary: string;
  readonly help: string;
  /** The number is the exit code. */
  run(args: readonly string[], terminal: Terminal): Promise<number>;
}

const commands: Readonly<Record<string, Command>> = {
  create: { summary: 'makes a folder with a small plugin that works', help: createHelp, run: create },
  check: { summary: 'says whether a plugin is sound, and what is not', help: checkHelp, run: check },
  pack: { summary: 'makes one text of a plugin, ready to be given away', help: packHelp, run: pack },
  keygen: { summary: 'makes a key that signs plugins', help: keygenHelp, run: keygen },
  sign: { summary: 'signs a packed plugin', help: signHelp, run: sign },
  verify: { summary: 'says whether a packed plugin is whole and signed by a key', help: verifyHelp, run: verify },
  publish: { summary: 'puts a packed plugin where gateways look for it', help: publishHelp, run: publish },
  dev: { summary: 'runs a gateway with simulated models around a plugin', help: devHelp, run: dev },
};

const help = `Makes, checks, packs and signs plugins for Rutter.

${Object.entries(commands)
  .map(([name, { summary }]) => `  rutter-plugin ${name.padEnd(8)} ${summary}`)
  .join('\n')}

rutter-plugin help <command> tells more.
`;

/** The exit code. What a user can put right is told on the error output; anything else is thrown. */
export async function runProgram(args: readonly string[], terminal: Terminal): Promise<number> {
  const [name = 'help', ...rest] = args;
  try {
    if (['help', '--help', '-h'].includes(name)) return tell(rest[0], terminal);
    const command = find(name);
    if (rest.some((arg) => arg === '--help' || arg === '-h')) return tell(name, terminal);
    return await command.run(rest, terminal);
  } catch (error) {
    if (!RutterError.is(error)) throw error;
    terminal.err(`${error.message}\n`);
    return 1;
  }
}

function tell(name: string | undefined, terminal: Terminal): number {
  terminal.out(name === undefined ? help : find(name).help);
  return 0;
}

function find(name: string): Command {
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command !== undefined) return command;
  const known = Object.keys(commands);
  throw new RutterError(
    'ERR_REQUEST_INVALID',
    `The command "${name}" is not known; expected one of ${known.join(', ')}.${didYouMean(name, known)} See rutter-plugin help.`,
  );
}
