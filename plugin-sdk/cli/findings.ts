/** What one step of a check came to, and how it is told. */

export interface Finding {
  readonly step: string;
  readonly result: 'ok' | 'failed' | 'skipped';
  /** One line: what was looked at, or why nothing was. */
  readonly summary: string;
  /** One line each, or several with the later ones indented: file, and what is wrong there. */
  readonly problems: readonly string[];
}

export const passed = (step: string, summary: string): Finding => ({ step, result: 'ok', summary, problems: [] });
export const skipped = (step: string, summary: string): Finding => ({ step, result: 'skipped', summary, problems: [] });

export function failed(step: string, problems: readonly string[]): Finding {
  return { step, result: 'failed', summary: count(problems.length, 'problem'), problems };
}

/** As it stands in a terminal. */
export function tellFinding({ step, result, summary, problems }: Finding): string {
  const word = { ok: 'ok', failed: 'FAILED', skipped: 'skipped' }[result];
  const lines = problems.flatMap((problem) => problem.split('\n')).map((line) => `    ${line}\n`);
  return `${word.padEnd(8)} ${step.padEnd(12)} ${summary}\n${lines.join('')}`;
}

export const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`;

/** A thrown value as lines that name the file at fault; `file` is named where the message names none. */
export function problemsOf(error: unknown, file: string): readonly string[] {
  const message = error instanceof Error ? error.message : String(error);
  const lines = message.split('\n').filter((line) => line.trim() !== '');
  const [first = '', ...rest] = lines;
  // The first line of a list only says what kind of list follows.
  if (rest.length > 0 && rest.every((line) => line.startsWith('/') || /^[A-Za-z]:\\/.test(line))) return rest;
  return [[first.includes('/') && first.includes(folderOf(file)) ? first : `${file}: ${first}`, ...rest].join('\n  ')];
}

const folderOf = (file: string) => file.slice(0, Math.max(file.lastIndexOf('/'), file.lastIndexOf('\\')));
