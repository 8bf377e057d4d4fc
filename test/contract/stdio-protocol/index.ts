/**
 * Puts a program that speaks JSON-RPC over its standard streams behind a
 * route: `POST /stdio/:method` with the parameters as its JSON body.
 */
import { join } from 'node:path';
import { definePlugin, z } from '@rutter/plugin-sdk';
import { Restarting } from './restarting.ts';

const config = z.strictObject({
  timeoutMs: z.int().min(1).default(10_000).describe('Longest wait for one answer, in milliseconds.'),
  backoffMs: z.int().min(1).default(200).describe('Wait before the first restart; it doubles from there.'),
  maxBackoffMs: z.int().min(1).default(30_000).describe('Longest wait before a restart.'),
});

export default definePlugin({
  kind: 'protocol',
  config,
  setup(host, { timeoutMs, backoffMs, maxBackoffMs }) {
    const { clock, log } = host;
    const script = join(import.meta.dirname, 'child.mjs');
    const spawn = () => host.spawn(process.execPath, [script], { cwd: import.meta.dirname });
    const child = new Restarting({ clock, log, backoffMs, maxBackoffMs, spawn });
    return {
      routes: [
        {
          method: 'POST',
          path: '/stdio/:method',
          mode: 'json',
          permission: 'model.call',
          maxBodyBytes: 1024 * 1024,
          async handler({ params: { method = '' }, json = {}, context: { signal } }) {
            const result = await child.connection.request(method, json, { signal, timeoutMs });
            return { body: { result } };
          },
        },
      ],
      dispose: () => child.stop(),
    };
  },
});
