/**
 * What is wrong with the routing a guard gives a principal. It is often read
 * from a table that somebody else writes: a text for a number must be told,
 * not waited for.
 */
import type { PrincipalRouting } from '@rutter/plugin-sdk';
import { errorClasses } from '../config/keys/router-keys.ts';

type Check = readonly [expected: string, holds: (value: unknown) => boolean];

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isCount = (value: unknown) => Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 100;
const isErrorClass = (name: string) => errorClasses.some((one) => one === name);
const isTarget = (value: unknown) => typeof value === 'string' || isRecord(value);

const time: Check = [
  'a number of milliseconds above 0',
  (value) => typeof value === 'number' && Number.isFinite(value) && value > 0,
];
const lists: Check = [
  'lists of model groups by model group',
  (value) => isRecord(value) && Object.values(value).every((list) => Array.isArray(list) && list.every(isTarget)),
];

const checks: Readonly<Record<keyof PrincipalRouting, Check>> = {
  numRetries: ['a whole number from 0 to 100', isCount],
  retryPolicy: [
    `whole numbers from 0 to 100 by ${errorClasses.join(', ')}`,
    (value) =>
      isRecord(value) &&
      Object.entries(value).every(([name, count]) => isErrorClass(name) && (count === undefined || isCount(count))),
  ],
  timeoutMs: time,
  streamTimeoutMs: time,
  fallbacks: lists,
  contextWindowFallbacks: lists,
  contentPolicyFallbacks: lists,
  disableFallbacks: ['true or false', (value) => typeof value === 'boolean'],
};

/** Seen and found good: guards hand out the same principal for every request of a key. */
const good = new WeakSet<object>();

/** The first fault in words; undefined where there is none. */
export function routingFault(routing: PrincipalRouting): string | undefined {
  if (!isRecord(routing)) return `found routing ${shown(routing)}, expected settings by name.`;
  if (good.has(routing)) return undefined;
  for (const name in routing) {
    const value = routing[name];
    const check = Object.hasOwn(checks, name) ? checks[name as keyof PrincipalRouting] : undefined;
    if (!check) return `found routing.${name}, expected one of ${Object.keys(checks).join(', ')}.`;
    const [expected, holds] = check;
    if (value !== undefined && !holds(value)) return `found routing.${name} ${shown(value)}, expected ${expected}.`;
  }
  good.add(routing);
  return undefined;
}

const shown = (value: unknown): string => String(JSON.stringify(value)).slice(0, 100);
