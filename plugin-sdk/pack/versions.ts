/** Versions and the ranges that plugins are asked for by: the part of Semantic Versioning 2.0.0 that `name@^1.2` needs. */

export interface Version {
  readonly numbers: readonly [number, number, number];
  /** What stands behind the hyphen; '' for a release. */
  readonly pre: string;
}

const versionForm = /^(\d{1,9})\.(\d{1,9})\.(\d{1,9})(?:-([0-9A-Za-z.-]{1,64}))?$/;
const rangeForm = /^([\^~]?)(\d{1,9})(?:\.(\d{1,9}))?(?:\.(\d{1,9}))?$/;

export function readVersion(text: string): Version | undefined {
  const [, major, minor, patch, pre = ''] = versionForm.exec(text) ?? [];
  if (major === undefined) return undefined;
  return { numbers: [Number(major), Number(minor), Number(patch)], pre };
}

/** Whether a text is a range: `*`, a version, `1`, `1.2`, `^1.2`, `~1.2.3`. */
export const isRange = (text: string): boolean =>
  text === '*' || rangeForm.test(text) || readVersion(text) !== undefined;

/** Whether a version lies in a range. One with a hyphen is a trial: it fits only where it is named as a whole. */
export function isInRange(version: string, range: string): boolean {
  if (version === range) return true;
  const found = readVersion(version);
  if (found === undefined || found.pre !== '') return false;
  if (range === '*') return true;
  const [, sign, major, minor, patch] = rangeForm.exec(range) ?? [];
  if (major === undefined) return false;
  const least = [Number(major), Number(minor ?? 0), Number(patch ?? 0)];
  const given = [major, minor, patch].filter((part) => part !== undefined).length;
  // As many leading numbers as must stay the same.
  const firstSet = least.findIndex((part) => part > 0);
  const caret = Math.min(firstSet < 0 ? given - 1 : firstSet, given - 1) + 1;
  const fixed = sign === '^' ? caret : sign === '~' ? Math.min(given, 2) : given;
  const isSame = found.numbers.slice(0, fixed).every((part, index) => part === least[index]);
  return isSame && compareNumbers(found.numbers, least) >= 0;
}

function compareNumbers(a: readonly number[], b: readonly number[]): number {
  for (let index = 0; index < 3; index += 1) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** The newest of those that lie in the range; undefined for none. */
export function newestIn(versions: readonly string[], range: string): string | undefined {
  return versions
    .filter((version) => isInRange(version, range))
    .toSorted((a, b) => compareNumbers(readVersion(b)?.numbers ?? [], readVersion(a)?.numbers ?? []))[0];
}

/** `name@range` in its parts; the range is `*` when there is none. Undefined when it is neither. */
export function readReference(text: string): { readonly name: string; readonly range: string } | undefined {
  const [, name, range = '*'] = /^([a-z0-9]+(?:-[a-z0-9]+)*)(?:@(.+))?$/.exec(text) ?? [];
  return name === undefined || !isRange(range) ? undefined : { name, range };
}
