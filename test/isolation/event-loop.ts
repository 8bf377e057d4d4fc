/** How long the event loop of a live gateway was held, told by a plugin that lives in it. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Gateway } from '../support/index.ts';

export interface Held {
  /** Milliseconds by which a timer of one millisecond came late. */
  readonly p99Ms: number;
  readonly maxMs: number;
}

const source = `import { monitorEventLoopDelay } from 'node:perf_hooks';
import { definePlugin } from '@rutter/plugin-sdk';

const late = (nanoseconds) => Math.max(0, Math.round(nanoseconds / 1e5) / 10 - 1);

export default definePlugin({
  kind: 'observer',
  setup() {
    const delay = monitorEventLoopDelay({ resolution: 1 });
    const begin = () => { delay.reset(); delay.enable(); return { body: {} }; };
    const end = () => {
      delay.disable();
      return { body: { p99Ms: late(delay.percentile(99)), maxMs: late(delay.max) } };
    };
    const route = (path, handler) => ({ method: 'POST', path, mode: 'json', permission: 'public', handler });
    return { routes: [route('/test/delay/begin', begin), route('/test/delay/end', end)] };
  },
});
`;

/** Writes the plugin below a folder; gives its entry. */
export async function writeMeter(folder: string): Promise<object> {
  const place = join(folder, 'event-loop-meter');
  await mkdir(place, { recursive: true });
  const rutter = { api: 1, kind: 'observer', name: 'event-loop-meter', entry: 'index.js', needs: ['node'] };
  await writeFile(
    join(place, 'package.json'),
    JSON.stringify({ name: rutter.name, version: '1.0.0', type: 'module', rutter }),
  );
  await writeFile(join(place, 'index.js'), source);
  return { use: place, trust: true };
}

export async function watchEventLoop({ url }: Gateway): Promise<{ end(): Promise<Held> }> {
  const post = async (path: string) => (await (await fetch(url + path, { method: 'POST' })).json()) as Held;
  await post('/test/delay/begin');
  return { end: () => post('/test/delay/end') };
}
