/**
 * The guest's side of the border, bundled into one text and evaluated in the
 * isolate ahead of the plugin: the SDK, the host, and the way calls come in.
 *
 * It is at the plugin's mercy, since they share an isolate: whatever it
 * answers is checked again on the other side.
 */
import * as sdk from '@rutter/plugin-sdk';

import * as routing from '@rutter/plugin-sdk/routing';
import { type Bounds, readValue, writeValue } from '../values.ts';
import { createAsks } from './asks.ts';
import { describeError } from './errors.ts';
import { Plugin } from './plugin.ts';
import { secretOf } from './secrets.ts';

const bounds: Bounds = { depth: 64, values: 1_000_000 };

// What could be used to burn time or memory that V8's own limits do not see.
for (const name of ['WebAssembly', 'SharedArrayBuffer', 'Atomics']) Reflect.deleteProperty(globalThis, name);

interface Incoming {
  readonly method: string;
  readonly call?: number;
  readonly now?: number;
  readonly monotonic?: number;
  readonly argument?: unknown;
}

export function start(tell: (text: string) => boolean): (text: string) => string | Promise<string> {
  const asks = createAsks(tell, bounds);
  const modules: Readonly<Record<string, unknown>> = {
    '@rutter/plugin-sdk': sdk,

    '@rutter/plugin-sdk/routing': routing,
  };
  const plugin = new Plugin(modules, asks.ask);
  const methods = plugin.methods();
  const answer = (value: unknown) => writeValue({ value }, bounds);
  const failed = (error: unknown) => writeValue({ error: describeError(error) }, bounds);
  return (text) => {
    try {
      const incoming = readValue(text, bounds, secretOf) as Incoming;
      const { method, call, now, monotonic, argument } = incoming;
      if (now !== undefined) plugin.time.now = now;
      if (monotonic !== undefined) plugin.time.monotonic = monotonic;
      if (method === 'answered') {
        asks.answered(argument as Parameters<typeof asks.answered>[0]);
        return '';
      }
      const result = methods[method]?.(argument as never, call ?? 0);
      return result instanceof Promise ? result.then(answer).catch(failed) : answer(result);
    } catch (error) {
      return failed(error);
    }
  };
}
