/** Why an address cannot be listened on, in words that say what to do. */
import { RutterError } from '@rutter/plugin-sdk';

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program listens there. Stop it, or choose another port with --port or PORT',
  EACCES: 'this user may not listen there. Choose a port from 1024 up with --port or PORT',
  EADDRNOTAVAIL: 'this machine has no such address. Choose another with --host or HOST',
  ENOTFOUND: 'no address is known by that name. Choose another with --host or HOST',
};

export function listenError(error: unknown, { host, port }: { readonly host: string; readonly port: number }): unknown {
  const { code = '' } = error as NodeJS.ErrnoException;
  const reason = Object.hasOwn(reasons, code) ? reasons[code] : undefined;
  if (reason === undefined) return error;
  return new RutterError('ERR_CONFIG_INVALID', `Cannot listen on ${host}:${port}: ${reason}. (${code})`, {
    cause: error,
  });
}
