/** Secrets of the configuration: the guest holds their numbers, the gateway puts the values in where they are sent. */
import { RutterError, type Secret } from '@rutter/plugin-sdk';
import type { Special } from '../values.ts';

const numbers = new WeakMap<object, number>();

export function secretOf(number: unknown): Secret {
  const refuse = () => {
    throw new RutterError('ERR_PLUGIN_INVALID', 'In the sandbox a secret can only be sent with host.fetch.');
  };
  const hide = () => '[secret]';
  const secret: Secret = Object.freeze({ equals: refuse, digest: refuse, toString: hide, toJSON: hide });
  numbers.set(secret, Number(number));
  return secret;
}

/** How a secret goes back: by its number. */
export const secretNumber: Special = (value) => {
  const number = numbers.get(value);
  return number === undefined ? undefined : { $: 'k', v: number };
};
