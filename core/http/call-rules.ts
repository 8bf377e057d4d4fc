/**
 * What the configuration asks of a call beyond its dialect: an end user, tags
 * that are not the caller's own, fields that must be there; and what a caller
 * brings along for the deployment, which never reaches a vendor as a field.
 */
import { type CallFacts, type Fields, RutterError } from '@rutter/plugin-sdk';
import type { CallerSettings } from '../config/types.ts';
import type { Facts } from '../pipeline/facts.ts';

/** What rules make of a call. */
export interface RuledCall {
  readonly read: CallFacts;
  /** Parameters the caller brought along, by wire name. */
  readonly brought: ReadonlyMap<string, string>;
  /** Fields put over those of the body. */
  readonly overrides: Fields;
}

const nothing: ReadonlyMap<string, string> = new Map();
const noFields: Fields = Object.freeze({});
/** Beyond this no name, key or address is meant. */
const longest = 4096;

/** By wire name, with the name that settings have for it. */
const broughtNames: Readonly<Record<string, string>> = {
  api_key: 'api_key',
  api_base: 'api_base',
  base_url: 'api_base',
  api_version: 'api_version',
  organization: 'organization',
};

/** Throws ERR_REQUEST_INVALID with `param`. Names the end user in the facts. */
export function applyRules(
  settings: CallerSettings,
  { read, fields, facts }: { read: CallFacts; fields: Fields; facts: Facts },
): RuledCall {
  if (settings.refusesTags && read.controls.tags !== undefined && read.controls.tags.length > 0)
    throw new RutterError(
      'ERR_REQUEST_INVALID',
      'Client-side tags are not allowed in a request: reject_clientside_metadata_tags is set. Leave out "tags", "metadata.tags" and the header x-litellm-tags.',
      { param: 'metadata.tags' },
    );
  for (const name of settings.requiredFields) {
    if (fieldAt(fields, name) === undefined)
      throw new RutterError(
        'ERR_REQUEST_INVALID',
        `The field "${name}" is missing; this gateway expects it in every call.`,
        {
          param: name,
        },
      );
  }
  const header = userHeader(settings, facts);
  const user = header?.value ?? userOf(fields, read);
  facts.endUser = user;
  if (settings.mustNameUser && user === undefined)
    throw new RutterError(
      'ERR_REQUEST_INVALID',
      `The call names no end user; expected "user" in the body or one of the headers ${settings.userHeaders.join(', ')}.`,
      { param: 'user' },
    );
  const { brought, strip } = takeBrought(fields);
  return {
    read: strip.length === 0 ? read : { ...read, strip: [...read.strip, ...strip] },
    brought,
    overrides: header?.isConfigured ? { user: header.value } : noFields,
  };
}

function userHeader(
  { userHeaders }: CallerSettings,
  facts: Facts,
): { value: string; isConfigured: boolean } | undefined {
  for (const name of userHeaders) {
    const value = facts.rawHeader(name)?.trim();
    if (value) return { value: value.slice(0, longest), isConfigured: !name.startsWith('x-litellm-') };
  }
  return undefined;
}

/** In LiteLLM's order; what is no text names nobody. */
function userOf(fields: Fields, { controls }: CallFacts): string | undefined {
  const candidates = [fields.user, controls.metadata?.user_id, fields.safety_identifier];
  const found = candidates.find((value) => typeof value === 'string' && value !== '');
  return typeof found === 'string' ? found.slice(0, longest) : undefined;
}

function fieldAt(fields: Fields, name: string): unknown {
  let value: unknown = fields;
  for (const step of name.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string, unknown>)[step];
  }
  return value ?? undefined;
}

function takeBrought(fields: Fields): { brought: ReadonlyMap<string, string>; strip: readonly string[] } {
  let brought: Map<string, string> | undefined;
  const strip: string[] = [];
  for (const field in broughtNames) {
    const value = fields[field];
    if (value === undefined) continue;
    strip.push(field);
    if (value === null) continue;
    if (typeof value !== 'string' || value === '' || value.length > longest)
      throw new RutterError('ERR_REQUEST_INVALID', `"${field}" is not a text of 1 to ${longest} characters.`, {
        param: field,
      });
    brought ??= new Map();
    brought.set(broughtNames[field] as string, value);
  }
  return { brought: brought ?? nothing, strip };
}
