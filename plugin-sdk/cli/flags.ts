/** Reads a command's arguments and says what is wrong with them. */
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { RutterError } from '../contract/errors.ts';
import { didYouMean } from '../pack/nearest.ts';

type Options = NonNullable<ParseArgsConfig['options']>;

export interface Arguments {
  readonly positionals: readonly string[];
  text(name: string): string | undefined;
  isSet(name: string): boolean;
}

/** `names` are what the positionals mean; each of them is required. `usage` ends every refusal. */
export function readArguments(
  args: readonly string[],
  { options, names, usage }: { readonly options: Options; readonly names: readonly string[]; readonly usage: string },
): Arguments {
  const refuse = (message: string) => new RutterError('ERR_REQUEST_INVALID', `${message}\nUsage: ${usage}`);
  const unknown = args.find((arg) => arg.startsWith('--') && !Object.hasOwn(options, nameOf(arg)));
  if (unknown !== undefined) {
    const known = Object.keys(options).map((name) => `--${name}`);
    throw refuse(`The option "${unknown}" is not known.${didYouMean(`--${nameOf(unknown)}`, known)}`);
  }
  const { values, positionals } = parsed(args, options, refuse);
  const missing = names.slice(positionals.length);
  if (missing.length > 0) throw refuse(`Found no ${missing.join(' and no ')}.`);
  const extra = positionals.slice(names.length);
  if (extra.length > 0) throw refuse(`Found "${extra[0]}" after ${names.join(' and ')}, expected nothing there.`);
  return {
    positionals,
    text: (name) => (typeof values[name] === 'string' ? values[name] : undefined),
    isSet: (name) => values[name] === true,
  };
}

const nameOf = (arg: string) => arg.slice(2).split('=')[0] as string;

function parsed(args: readonly string[], options: Options, refuse: (message: string) => RutterError) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    throw refuse(error instanceof Error ? error.message : String(error));
  }
}
