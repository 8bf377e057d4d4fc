/** What the system writes to a pipe in one piece, whoever else writes to it (POSIX PIPE_BUF on Linux). */
const atomicBytes = 4096;

/**
 * Joins lines into texts that several processes may write to one pipe without
 * tearing each other's. A line that is longer by itself stands alone.
 */
export function* wholeLines(lines: readonly string[]): Generator<string> {
  let text = '';
  let bytes = 0;
  for (const line of lines) {
    const length = Buffer.byteLength(line);
    if (bytes > 0 && bytes + length > atomicBytes) {
      yield text;
      text = '';
      bytes = 0;
    }
    text += line;
    bytes += length;
  }
  if (bytes > 0) yield text;
}
