/**
 * The fallback lists that stand for a call beside its own: each of the
 * principal's replaces the configured one.
 */
import type { GroupFallbacks, RutterError } from '@rutter/plugin-sdk';
import type { FallbackLists, FallbackTarget } from '../config/types.ts';
import type { ModelCall } from './model-call.ts';

export const fallbackKinds = ['fallbacks', 'contextWindowFallbacks', 'contentPolicyFallbacks'] as const;
export type FallbackKind = (typeof fallbackKinds)[number];
type SpecialKind = Exclude<FallbackKind, 'fallbacks'>;

/** The list that stands ahead of the general one for this error. */
export function specialListOf({ code }: RutterError): SpecialKind | undefined {
  if (code === 'ERR_PROVIDER_CONTEXT_WINDOW') return 'contextWindowFallbacks';
  return code === 'ERR_PROVIDER_CONTENT_POLICY' ? 'contentPolicyFallbacks' : undefined;
}

/** Whether anybody has set the list, for whichever group. */
export const hasList = ({ controls, facts, path }: ModelCall, kind: SpecialKind): boolean =>
  (controls[kind] ?? facts.principal.routing?.[kind] ?? path.configuration.router[kind]) !== undefined;

/** Who stands in for the group of these names: undefined where the list is not set, empty where it does not name them. */
export function standingList(
  { facts, path }: ModelCall,
  kind: FallbackKind,
  names: readonly string[],
): readonly FallbackTarget[] | undefined {
  const own = facts.principal.routing?.[kind];
  if (own) return ownListed(own, names) ?? [];
  const { router } = path.configuration;
  const lists = router[kind];
  const configured = lists && (listed(lists, names) ?? (kind === 'fallbacks' ? undefined : []));
  return configured ?? (kind === 'fallbacks' ? router.defaultFallbacks : undefined);
}

/** What a list may call a group: the alias it was asked by, its name, its name without the provider. */
export function namesOf(group: string, asked: string = group): readonly string[] {
  const names = asked === group ? [group] : [asked, group];
  if (group.includes('/')) names.push(group.slice(group.indexOf('/') + 1));
  return names;
}

function listed(lists: FallbackLists, names: readonly string[]): readonly FallbackTarget[] | undefined {
  for (const name of names) {
    const list = lists.get(name);
    if (list) return list;
  }
  return lists.get('*');
}

function ownListed(lists: GroupFallbacks, names: readonly string[]): readonly FallbackTarget[] | undefined {
  const name = names.find((one) => Object.hasOwn(lists, one)) ?? '*';
  return Object.hasOwn(lists, name) ? lists[name] : undefined;
}
