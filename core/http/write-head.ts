/** Response heads from flat lists of headers: a name, its value, the next name. */
import type { ServerResponse } from 'node:http';

const invisible = /[^\x20-\x7e]/g;

/**
 * Node looks at every letter of every value anyway: only where it finds one
 * that cannot stand in a header are they looked at here, and made `?`.
 */
export function writeHead(response: ServerResponse, status: number, headers: readonly string[]): void {
  try {
    response.writeHead(status, headers as string[]);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_INVALID_CHAR') throw error;
    response.writeHead(
      status,
      headers.map((text, index) => (index % 2 === 1 ? text.replace(invisible, '?') : text)),
    );
  }
}

/** The last of a name wins, as it does where a record is made by assignments. */
export function headerRecord(headers: readonly string[]): Record<string, string> {
  const record: Record<string, string> = {};
  for (let at = 0; at < headers.length; at += 2) record[headers[at] as string] = headers[at + 1] as string;
  return record;
}
