/** What a test of sources needs of a server: the plugin that speaks to it, by hand, and the command line beside it. */
import { execFile, spawn } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Source } from '@rutter/plugin-sdk';
import { Authenticator } from '../../core/upstream/auth/authenticator.ts';
import { Upstream } from '../../core/upstream/exchange.ts';
import { sourceFetch } from '../../core/upstream/kernel-fetch.ts';
import plugin from '../../plugins/source-s3/index.ts';
import { endAfterFile, root } from '../support/index.ts';
import type { Rgw } from '../support/rgw.ts';

export class Bench {
  readonly server: Rgw;
  readonly bucket: string;
  readonly #upstream = new Upstream();

  constructor(server: Rgw, bucket: string) {
    this.server = server;
    this.bucket = bucket;
  }

  /** Options of the entry for `source-s3`. */
  get options() {
    const { endpoint, keyId, secret } = this.server;
    return { endpoint, access_key_id: keyId, secret_access_key: secret };
  }

  /** `host.fetch` of a source. */
  get fetch() {
    const signer = new Authenticator({ exchange: this.#upstream, now: Date.now, environment: {} });
    return (url: string, options = {}) => sourceFetch(this.#upstream, signer, { url, options });
  }

  sourceWith(over: object = {}): Source {
    const clock = { now: Date.now, monotonic: () => performance.now(), sleep: async () => {} };
    const host = { clock, random: Math.random, fetch: this.fetch };
    const options = plugin.config.parse({ ...this.options, bucket: this.bucket, ...over });
    return plugin.setup(host as never, options) as Source;
  }

  async put(key: string, text: string | object | Uint8Array): Promise<void> {
    const plain = typeof text === 'string' ? text : JSON.stringify(text, undefined, 2);
    await this.sourceWith().put(key, text instanceof Uint8Array ? text : new TextEncoder().encode(plain));
  }

  close(): Promise<unknown> {
    return this.#upstream.close(1000);
  }
}

export interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command as a user gives it, in a folder of its own. */
export function command(
  script: 'rutter' | 'rutter-plugin',
  args: readonly string[],
  { cwd, env = {} }: { readonly cwd: string; readonly env?: Readonly<Record<string, string>> },
): Promise<Said> {
  const programs = { rutter: 'core/cli/rutter.mjs', 'rutter-plugin': 'plugin-sdk/cli/rutter-plugin.mjs' };
  const surroundings = {
    PATH: process.env.PATH,
    HOME: cwd,
    RUTTER_DATA: join(cwd, 'data'),
    AWS_EC2_METADATA_DISABLED: 'true',
    ...env,
  };
  const node = join(root, 'node_modules', '.bin', 'node');
  return promisify(execFile)(node, [join(root, programs[script]), ...args], { cwd, env: surroundings }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: Said) => error,
  );
}

/** `rutter-plugin dev`, which runs until it is stopped. */
export function startDev(folder: string, cwd: string): { output(): string; stop(): Promise<unknown> } {
  const node = join(root, 'node_modules', '.bin', 'node');
  const args = [join(root, 'plugin-sdk/cli/rutter-plugin.mjs'), 'dev', folder, '--port', '0'];
  const child = spawn(node, args, {
    cwd,
    env: { PATH: process.env.PATH, HOME: cwd },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  const ended = new Promise((resolve) => {
    child.once('close', resolve);
  });
  const stop = () => {
    child.kill('SIGTERM');
    return ended;
  };
  endAfterFile(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return { output: () => output, stop };
}
