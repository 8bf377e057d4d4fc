/** Where a gateway listens, and what it says of that. */
import { readFile } from 'node:fs/promises';
import { RutterError } from '@rutter/plugin-sdk';
import type { ListenOptions } from '../http/server.ts';
import type { Kernel } from '../kernel.ts';
import type { ServeOptions } from './options.ts';

export function startRefused(reasons: readonly string[]): RutterError {
  return new RutterError(
    'ERR_CONFIG_INVALID',
    `The gateway does not start:\n${reasons.map((reason) => `  ${reason}`).join('\n')}`,
  );
}

/** Whether some plugin asks callers who they are. */
export function isGuarded(kernel: Kernel): boolean {
  return (kernel.keeper.current?.path.path.identifiers.length ?? 0) > 0;
}

export async function listenOptions(options: ServeOptions, guarded: boolean): Promise<Omit<ListenOptions, 'isShared'>> {
  const { sslKeyFile, sslCertFile } = options;
  const tls =
    sslKeyFile && sslCertFile ? { key: await readTls(sslKeyFile), cert: await readTls(sslCertFile) } : undefined;
  return { host: options.host ?? (guarded ? '0.0.0.0' : '127.0.0.1'), port: options.port, tls };
}

async function readTls(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new RutterError('ERR_CONFIG_INVALID', `The file ${file} cannot be read: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

interface Announced {
  readonly host: string;
  readonly port: number;
  readonly isSecure: boolean;
  readonly notes: readonly string[];
}

export function announcement(kernel: Kernel, { host, port, isSecure, notes }: Announced): string {
  const name = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host;
  const url = `${isSecure ? 'https' : 'http'}://${name}:${port}`;
  const model = kernel.keeper.current?.path.path.models.names(false)[0] ?? 'simulated';
  const key = isGuarded(kernel) ? " -H 'authorization: Bearer YOUR_MASTER_KEY'" : '';
  return [
    ...notes,
    `Rutter is listening on ${url}`,
    ...(isGuarded(kernel) ? [] : [reachOf(host)]),
    'Try it:',
    `  curl ${url}/v1/chat/completions${key} -H 'content-type: application/json' -d '{"model":"${model}","messages":[{"role":"user","content":"Hello"}]}'`,
    '',
  ].join('\n');
}

/** Who can call a gateway that asks for no key. */
function reachOf(host: string): string {
  const isLocal = host === 'localhost' || host === '::1' || /^127\./.test(host);
  return isLocal
    ? 'Callers need no key; only this machine can reach it.'
    : `WARNING: there is no master key, so whoever reaches ${host} may call it.`;
}
