/**
 * How calls come in to a plugin that lives behind a border, and answers go
 * out: the part that an isolate and a worker thread have in common.
 */
import { type Bounds, readValue, writeValue } from '../values.ts';
import { type Ask, createAsks } from './asks.ts';
import { describeError } from './errors.ts';
import type { MakeHost } from './host.ts';
import { type Loader, Plugin } from './plugin.ts';
import { secretOf } from './secrets.ts';

const bounds: Bounds = { depth: 64, values: 1_000_000 };

interface Incoming {
  readonly method: string;
  readonly call?: number;
  readonly now?: number;
  readonly monotonic?: number;
  readonly argument?: unknown;
}

export interface DispatchOptions {
  /** Hands a question to the gateway; false when it takes no more. */
  tell(text: string): boolean;
  readonly evaluate: Loader;
  makeHost(ask: Ask): MakeHost;
}

export function createDispatch({ tell, evaluate, makeHost }: DispatchOptions) {
  const { ask, answered } = createAsks(tell, bounds);
  const plugin = new Plugin({ evaluate, ask, makeHost: makeHost(ask) });
  const methods = plugin.methods();
  const failed = (error: unknown) => writeValue({ error: describeError(error) }, bounds);
  return (text: string): string | Promise<string> => {
    let id = 0;
    const answer = (value: unknown) => {
      plugin.answered(id);
      return writeValue({ value }, bounds);
    };
    const refuse = (error: unknown) => {
      plugin.answered(id);
      return failed(error);
    };
    try {
      const incoming = readValue(text, bounds, secretOf) as Incoming;
      const { method, call = 0, now, monotonic, argument } = incoming;
      id = call;
      if (now !== undefined) plugin.time.now = now;
      if (monotonic !== undefined) plugin.time.monotonic = monotonic;
      if (method === 'answered') {
        answered(argument as Parameters<typeof answered>[0]);
        return '';
      }
      const result = methods[method]?.(argument as never, call);
      return result instanceof Promise ? result.then(answer).catch(refuse) : answer(result);
    } catch (error) {
      return refuse(error);
    }
  };
}
