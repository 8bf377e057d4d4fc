/**
 * Changes top-level fields of a JSON object in its bytes, the rest untouched.
 */
import { joinInTurns } from './join-bytes.ts';
import type { Span } from './json-scan.ts';

/** `set` replaces or adds fields, `remove` takes them out; `set` wins where both name one. */
export interface Edits {
  readonly set?: Readonly<Record<string, unknown>> | undefined;
  readonly remove?: readonly string[] | undefined;
}

/** The edited body. Runs of untouched fields are copied as they stand, spacing and all. */
export function editFields(bytes: Buffer, spans: readonly Span[], edits: Edits): Buffer {
  return join(editedParts(bytes, spans, edits, (text) => text));
}

/** The same for a body beyond 1 MiB, in slices; `fill` puts back what its values were read without. */
export function editLargeFields(
  bytes: Buffer,
  spans: readonly Span[],
  edits: Edits & { fill(text: string): Buffer },
): Promise<Buffer> {
  const parts = editedParts(bytes, spans, edits, edits.fill);
  const punctuated = parts.flatMap((part, index) => (index === 0 ? [part] : [comma, part]));
  return joinInTurns([open, ...punctuated, close]);
}

const open = Buffer.from('{');
const comma = Buffer.from(',');
const close = Buffer.from('}');

function editedParts(
  bytes: Buffer,
  spans: readonly Span[],
  edits: Edits,
  fill: (text: string) => string | Buffer,
): Buffer[] {
  const set = edits.set ?? {};
  const removed = edits.remove ?? [];
  const parts: Buffer[] = [];
  const done = new Set<string>();
  let from = -1;
  let to = -1;
  const flush = () => {
    if (from >= 0) parts.push(bytes.subarray(from, to));
    from = -1;
  };
  for (const span of spans) {
    if (Object.hasOwn(set, span.key)) {
      flush();
      done.add(span.key);
      if (set[span.key] !== undefined) parts.push(field(span.key, set[span.key], fill));
    } else if (removed.includes(span.key)) {
      flush();
    } else {
      if (from < 0) from = span.start;
      to = span.end;
    }
  }
  flush();
  for (const key of Object.keys(set))
    if (!done.has(key) && set[key] !== undefined) parts.push(field(key, set[key], fill));
  return parts;
}

function field(key: string, value: unknown, fill: (text: string) => string | Buffer): Buffer {
  const text = fill(`${JSON.stringify(key)}:${JSON.stringify(value)}`);
  return typeof text === 'string' ? Buffer.from(text) : text;
}

function join(parts: readonly Buffer[]): Buffer {
  let length = 2 + Math.max(0, parts.length - 1);
  for (const part of parts) length += part.length;
  const out = Buffer.allocUnsafe(length);
  let at = 0;
  out[at++] = 0x7b;
  parts.forEach((part, index) => {
    if (index > 0) out[at++] = 0x2c;
    at += part.copy(out, at);
  });
  out[at] = 0x7d;
  return out;
}
