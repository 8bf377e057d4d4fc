/**
 * Which names stand for secrets, and how a value may be shown in a message.
 *
 * Rather too many than too few: a value wrongly hidden costs a look into the
 * file, one wrongly shown costs a key.
 */
import type { Path, Tree } from './tree.ts';

const secretName =
  /(^|[_-])(api[_-]?key|apikey|key|keys|secret|secrets|token|password|passwd|passwords|passphrase|credential|credentials|authorization|cookie|dsn|database_url|redis_url|connection_string|webhook_url)$/i;
const priceName = /_cost(_|$)/;
/** Blocks whose values may be secrets under any name. */
const secretBlocks = new Set(['environment_variables', 'extra_headers', 'credential_values', 'headers']);
const secretText =
  /\b(sk|pk|rk|hf|gh[a-z]|xox[a-z]|glpat)[-_][\w-]{6,}|\b(AKIA|ASIA)[A-Z0-9]{12,}|\bAIza[\w-]{20,}|\bya29\.|\beyJ[\w-]{10,}|\bBearer\s+\S{6,}|:\/\/[^/\s]*@|-----BEGIN/;
const shownLength = 60;

/** Whether a key of this name holds a secret. */
export function isSecretName(name: string): boolean {
  return secretName.test(name) && !priceName.test(name);
}

/** Whether what stands at the path is, or is part of, a secret. */
export function isSecretPath(path: Path): boolean {
  return path.some((step) => typeof step === 'string' && (isSecretName(step) || secretBlocks.has(step)));
}

/** A value for a message: short, and without secrets. */
export function describe(tree: Tree | undefined, path: Path): string {
  if (tree === undefined) return 'nothing';
  if (tree.kind === 'list') return tree.items.length === 0 ? 'an empty list' : 'a list';
  if (tree.kind === 'block') return tree.entries.size === 0 ? 'an empty block' : 'a block of keys';
  if (tree.reference !== undefined)
    return tree.value === undefined ? `${tree.reference}, which is not set` : tree.reference;
  if (tree.value === null || tree.value === undefined) return 'nothing';
  if (tree.value === '') return 'an empty text';
  if (isSecretPath(path)) return '[secret]';
  return describeValue(tree.source ?? tree.value);
}

/** A plain value for a message. */
export function describeValue(value: unknown): string {
  if (typeof value !== 'string') return String(value);
  return secretText.test(value) ? '[secret]' : JSON.stringify(shorten(value));
}

/** The name of a key for a message. One that looks like a secret was one, in the wrong place or after a forgotten colon. */
export function describeName(name: string): string {
  if (secretText.test(name)) return '[secret]';
  const [word = '', ...rest] = name.split(/[\s:=]/);
  return shorten(rest.length > 0 && isSecretName(word) ? `${word} …` : name);
}

function shorten(text: string): string {
  return text.length <= shownLength ? text : `${text.slice(0, shownLength)}…`;
}
