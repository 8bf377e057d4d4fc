/**
 * Who may come into the sandbox: kinds it has a place for, with no need that
 * rules it out, claiming nothing that would hand them settings of others.
 */
import type { Claims, Kind, Need } from '@rutter/plugin-sdk';
import type { Diagnostic } from '../config/types.ts';
import { type PlannedInstance, Problems } from '../plugins/plan.ts';
import { deadlines } from './limits.ts';

/** Needs that can be granted, by the word of the entry that grants them. */
const grantable: readonly Need[] = ['text', 'fetch'];
/** A claim on settings, references or keys of vendors would bring their values into its options. */
const claimable: readonly (keyof Claims)[] = ['routingStrategies', 'modelPrefixes'];
/** Kinds that read every prompt, whatever they do with it. */
const readers: readonly Kind[] = ['provider'];

/** What a trusted plugin's manifest asks for and a worker thread does not give. */
export function refuseWorker(instance: PlannedInstance): readonly Diagnostic[] {
  const problems = new Problems();
  const { kind, needs, uses, provides, shared } = instance.package.manifest;
  const refuse = (what: string, found: string, expected: string) =>
    problems.error(instance.place, [
      `Plugin "${instance.name}" cannot run in a worker: ${what}.`,
      found,
      `${expected}, or "place: in-process" in its entry`,
    ]);
  const housed = Object.keys(deadlines).filter((one) => !readers.includes(one as Kind));
  if (!housed.includes(kind)) refuse(`it has no place for a ${kind}`, kind, `one of ${housed.join(', ')}`);
  const unmet = needs.filter((need) => need === 'spawn' || need === 'invoke');
  if (unmet.length > 0) refuse(`it needs ${unmet.join(', ')}`, unmet.join(', '), 'needs without them');
  const unreached = uses.filter((service) => service !== 'embedder');
  if (unreached.length > 0) refuse(`it uses ${unreached.join(', ')}`, unreached.join(', '), 'no service but embedder');
  const others = provides.filter((service) => service !== kind);
  if (others.length > 0) refuse(`it provides ${others.join(', ')}`, others.join(', '), 'no services beside its kind');
  if (shared) refuse('it is shared', 'shared', 'no "shared"');
  return problems.found;
}

/** What its manifest asks for and the sandbox, or its entry, does not give. Nothing of it has run. */
export function refuseManifest(instance: PlannedInstance): readonly Diagnostic[] {
  const problems = new Problems();
  const { name, place, grants } = instance;
  const { kind, needs, claims, uses, provides, external, shared } = instance.package.manifest;
  const refuse = (what: string, found: string, expected: string) =>
    problems.error(place, [`Plugin "${name}" cannot run in the sandbox: ${what}.`, found, expected]);
  const orTrust = (expected: string) => `${expected}, or "trust: true" in its entry, if you trust its code`;
  if (deadlines[kind] === undefined)
    refuse(`it has no place for a ${kind}`, kind, orTrust(`one of ${Object.keys(deadlines).join(', ')}`));
  for (const need of needs)
    if (!grantable.includes(need)) refuse(`it needs ${need}`, need, orTrust(`needs among ${grantable.join(', ')}`));
  if (needs.includes('text') && !grants.text)
    refuse('it needs text, which its entry does not grant', 'no grant', '"grants: { text: true }" in its entry');
  if (readers.includes(kind) && !needs.includes('text'))
    refuse(`a ${kind} reads what is asked`, 'needs without text', '"text" among "needs" in its manifest');
  if (needs.includes('fetch') && grants.fetch.length === 0)
    refuse(
      'it needs fetch, which its entry does not grant',
      'no grant',
      '"grants: { fetch: [https://…] }" in its entry',
    );
  const wrong = Object.keys(claims).filter((claim) => !claimable.includes(claim as keyof Claims));
  if (wrong.length > 0 && instance.package.origin === 'untrusted')
    refuse(`it claims ${wrong.join(', ')}`, wrong.join(', '), orTrust(`no claims but ${claimable.join(', ')}`));
  const lists = { uses, external, provides: provides.filter((service) => service !== kind) };
  for (const [key, list] of Object.entries(lists))
    if (list.length > 0) refuse(`its manifest has "${key}"`, list.join(', '), orTrust(`no "${key}"`));
  if (shared) refuse('it is shared', 'shared', orTrust('no "shared"'));
  return problems.found;
}
