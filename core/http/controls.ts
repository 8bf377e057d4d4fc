/** What request headers may steer; a body field of the same meaning wins. */
import type { CallFacts, Controls } from '@rutter/plugin-sdk';
import { RutterError } from '@rutter/plugin-sdk';
import type { Facts } from '../pipeline/facts.ts';

const headers = ['timeout', 'stream-timeout', 'num-retries', 'tags'] as const;

type Mutable = { -readonly [K in keyof Controls]: Controls[K] };

/** `x-litellm-…` and, the same, `x-rutter-…`. */
export function applyHeaderControls(read: CallFacts, facts: Facts): CallFacts {
  let controls: Mutable | undefined;
  for (const name of headers) {
    const value = facts.rawHeader(`x-rutter-${name}`) ?? facts.rawHeader(`x-litellm-${name}`);
    if (value === undefined) continue;
    controls ??= { ...read.controls };
    if (name === 'timeout') controls.timeoutMs ??= seconds(name, value);
    else if (name === 'stream-timeout') controls.streamTimeoutMs ??= seconds(name, value);
    else if (name === 'num-retries') controls.numRetries ??= count(name, value);
    else
      controls.tags = [
        ...new Set([
          ...(controls.tags ?? []),
          ...value
            .split(',')
            .map((tag) => tag.trim())
            .filter(Boolean),
        ]),
      ].slice(0, 64);
  }
  return controls ? { ...read, controls } : read;
}

function seconds(name: string, value: string): number {
  const number = Number(value);
  if (!Number.isFinite(number) || number <= 0)
    throw new RutterError(
      'ERR_REQUEST_INVALID',
      `Header x-litellm-${name} is "${value.slice(0, 32)}"; expected a number of seconds above 0.`,
    );
  return number * 1000;
}

function count(name: string, value: string): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 0 || number > 100)
    throw new RutterError(
      'ERR_REQUEST_INVALID',
      `Header x-litellm-${name} is "${value.slice(0, 32)}"; expected a whole number from 0 to 100.`,
    );
  return number;
}
