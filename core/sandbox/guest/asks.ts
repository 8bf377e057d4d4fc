/** Questions of the guest to the gateway, and the answers that come back later. */
import { RutterError } from '@rutter/plugin-sdk';
import { type Bounds, writeValue } from '../values.ts';
import { secretNumber } from './secrets.ts';

/** Rejects where the gateway refuses, or too many questions are open. `within` names the call it belongs to. */
export type Ask = (what: string, argument: object, within?: number) => Promise<unknown>;

export interface Asks {
  readonly ask: Ask;
  answered(answer: { readonly id: number; readonly value?: unknown; readonly refused?: string }): void;
}

/** `tell` hands a text to the gateway; false when it takes no more. */
export function createAsks(tell: (text: string) => boolean, bounds: Bounds): Asks {
  const open = new Map<number, { resolve(value: unknown): void; reject(error: unknown): void }>();
  let last = 0;
  return {
    ask: (what, argument, within) =>
      new Promise((resolve, reject) => {
        last += 1;
        const id = last;
        open.set(id, { resolve, reject });
        if (tell(writeValue({ id, what, argument, within }, bounds, secretNumber))) return;
        open.delete(id);
        reject(new RutterError('ERR_LIMIT_OVERLOADED', `The sandbox takes no more of host.${what} at once.`));
      }),
    answered({ id, value, refused }) {
      const waiting = open.get(id);
      open.delete(id);
      if (refused === undefined) waiting?.resolve(value);
      else waiting?.reject(new RutterError('ERR_PLUGIN_INVALID', refused));
    },
  };
}
