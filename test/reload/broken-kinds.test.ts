import { generateKeys } from '@rutter/plugin-sdk/pack';
import { describe, expect, it } from 'vitest';
import { brokenPackages, brokenSources, kinds } from './broken-kinds.ts';
import { itRefuses } from './refusals.ts';

const ours = generateKeys();
const trust = { trusted: [{ key: ours.publicKey }], signatures: 'required' };
const packages = await brokenPackages(ours, generateKeys(), `plugin_trust: ${JSON.stringify(trust)}`);

it('has nine faults for each kind', () => {
  expect(brokenSources.length + packages.length).toBe(kinds.length * 9);
  expect(new Set([...brokenSources, ...packages].map(({ title }) => title)).size).toBe(kinds.length * 9);
});

describe('a running gateway', () => itRefuses(brokenSources));

describe('a running gateway that wants signatures', () => itRefuses(packages, { plugin_trust: trust }));
