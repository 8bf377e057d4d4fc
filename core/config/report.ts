/**
 * Collects everything wrong with a configuration, so that one reading tells
 * it all. Bounded: a broken generator must not fill the memory with messages.
 */
import { describe, describeName, isSecretName } from './secrets.ts';
import { formatPath, type Path, type Spot, type Tree } from './tree.ts';
import type { Diagnostic } from './types.ts';

const mostDiagnostics = 1000;

export interface Finding {
  readonly severity: Diagnostic['severity'];
  readonly path: Path;
  readonly spot: Spot;
  readonly message: string;
  readonly found: string;
  readonly expected: string;
  readonly about?: { readonly topic: NonNullable<Diagnostic['topic']>; readonly subject: string };
}

export class Report {
  readonly #found: Diagnostic[] = [];
  readonly #seen = new Set<string>();
  #hasErrors = false;
  #left = 0;

  get hasErrors(): boolean {
    return this.#hasErrors;
  }

  /** A node that is reached twice, through an alias, is reported at each path, once. */
  add({ severity, path, spot, message, found, expected, about }: Finding): void {
    if (severity === 'error') this.#hasErrors = true;
    const place = { file: spot.file, line: spot.line, column: spot.column, path: formatPath(shownPath(path)) };
    const identity = JSON.stringify([place, severity, message]);
    if (this.#seen.has(identity)) return;
    if (this.#found.length >= mostDiagnostics) {
      this.#left += 1;
      return;
    }
    this.#seen.add(identity);
    this.#found.push({ severity, message, found, expected, place, ...about });
  }

  /** Says of a value what was expected in its stead. */
  refuse(
    severity: Diagnostic['severity'],
    path: Path,
    detail: { readonly tree: Tree; readonly message: string; readonly expected: string },
  ): void {
    const { tree, message, expected } = detail;
    this.add({ severity, path, spot: tree.spot, message, found: describe(tree, path), expected });
  }

  /** Everything found: files in the order given, each from top to bottom. */
  sorted(files: readonly string[]): readonly Diagnostic[] {
    const rank = (file: string) => (files.includes(file) ? files.indexOf(file) : files.length);
    const ordered = this.#found.toSorted(
      ({ place: a }, { place: b }) => rank(a.file) - rank(b.file) || a.line - b.line || a.column - b.column,
    );
    const last = ordered.at(-1);
    if (this.#left === 0 || last === undefined) return ordered;
    const severity = this.#hasErrors ? 'error' : 'warning';
    const message = `${this.#left} more findings are not shown.`;
    return [
      ...ordered,
      { ...last, severity, message, found: `${mostDiagnostics + this.#left} findings`, expected: 'fewer' },
    ];
  }
}

/** A key that looks like a secret is one that got into the wrong place; so may be anything inside one. */
function shownPath(path: Path): Path {
  const secret = path.findIndex((step) => typeof step === 'string' && isSecretName(step));
  const shown = secret < 0 ? path : path.slice(0, secret + 1);
  return shown.map((step) => (typeof step === 'number' ? step : describeName(step)));
}
