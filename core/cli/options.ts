/** The command line of `rutter serve`. */
import { parseArgs } from 'node:util';
import { RutterError } from '@rutter/plugin-sdk';

export interface ServeOptions {
  readonly config: string | undefined;
  readonly port: number;
  /** Undefined: decided by whether a master key guards the gateway. */
  readonly host: string | undefined;
  readonly workers: number;
  readonly debug: boolean;
  readonly sslKeyFile: string | undefined;
  readonly sslCertFile: string | undefined;
  readonly dataFolder: string;
}

const flags = {
  config: { type: 'string', short: 'c' },
  port: { type: 'string', short: 'p' },
  host: { type: 'string', short: 'H' },
  workers: { type: 'string', short: 'w' },
  debug: { type: 'boolean', short: 'd' },
  'ssl-keyfile': { type: 'string' },
  'ssl-certfile': { type: 'string' },
} as const;

export const serveHelp = `rutter serve [options]       starts the gateway (the default command)

  -c, --config FILE       configuration; LITELLM_CONFIG_PATH when absent, else composed from the environment
  -p, --port N            port, 0 for any free one; PORT when absent, else 4000
  -H, --host ADDRESS      address to listen on; HOST when absent, else 0.0.0.0 with a master key and 127.0.0.1 without
  -w, --workers N         processes on the one port; 1 when absent
  -d, --debug             logs more
      --ssl-keyfile FILE  with --ssl-certfile: serves HTTPS
      --ssl-certfile FILE

The data folder is RUTTER_DATA, ./data when absent.
`;

/** Throws ERR_CONFIG_INVALID for what it does not know. */
export function readServeOptions(args: readonly string[], environment: NodeJS.ProcessEnv): ServeOptions {
  const { values } = parse(args);
  if ((values['ssl-keyfile'] === undefined) !== (values['ssl-certfile'] === undefined))
    throw new RutterError(
      'ERR_CONFIG_INVALID',
      'Found one of --ssl-keyfile and --ssl-certfile; expected both or neither.',
    );
  return {
    config: values.config ?? nonEmpty(environment.LITELLM_CONFIG_PATH),
    port: number(
      values.port === undefined ? 'PORT' : '--port',
      values.port ?? nonEmpty(environment.PORT) ?? '4000',
      [0, 65_535],
    ),
    host: values.host ?? nonEmpty(environment.HOST),
    workers: number('--workers', values.workers ?? '1', [1, 64]),
    debug: values.debug ?? false,
    sslKeyFile: values['ssl-keyfile'],
    sslCertFile: values['ssl-certfile'],
    dataFolder: nonEmpty(environment.RUTTER_DATA) ?? 'data',
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: flags, allowPositionals: false });
  } catch (error) {
    throw new RutterError('ERR_CONFIG_INVALID', `${(error as Error).message} See rutter serve --help.`, {
      cause: error,
    });
  }
}

const nonEmpty = (text: string | undefined) => (text === undefined || text === '' ? undefined : text);

function number(name: string, text: string, [least, most]: readonly [number, number]): number {
  const found = Number(text);
  if (text.trim() === '' || !Number.isInteger(found) || found < least || found > most)
    throw new RutterError(
      'ERR_CONFIG_INVALID',
      `${name} is "${text}"; expected a whole number from ${least} to ${most}.`,
    );
  return found;
}
