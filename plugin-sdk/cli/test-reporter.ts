/** A reporter of `node --test`: one line of JSON for each test that passed or failed. */
import type { TestEvent } from 'node:test/reporters';

export interface TestLine {
  readonly result: 'passed' | 'failed';
  readonly name: string;
  readonly file: string | undefined;
  readonly line: number | undefined;
  /** Why it failed. */
  readonly reason: string;
}

const longestError = 4_000;

/** Lines are marked: a test may print whatever it likes. */
export const mark = 'rutter-plugin-test ';

export default async function* report(source: AsyncIterable<TestEvent>): AsyncIterable<string> {
  const errors = new Map<string, string>();
  for await (const event of source) {
    if (event.type === 'test:stderr') {
      const { file = '', message } = event.data;
      errors.set(file, ((errors.get(file) ?? '') + message).slice(0, longestError));
    }
    if (event.type !== 'test:pass' && event.type !== 'test:fail') continue;
    const { name, file, line } = event.data;
    const isFailure = event.type === 'test:fail';
    // A suite fails because a test in it did, which has been told.
    if (event.data.details.type === 'suite' && !(isFailure && isOwnFault(event.data.details.error))) continue;
    const told: TestLine = {
      result: isFailure ? 'failed' : 'passed',
      name,
      file,
      line,
      reason: isFailure ? reasonOf(event.data.details.error, errors.get(file ?? '')) : '',
    };
    yield `${mark}${JSON.stringify(told)}\n`;
  }
}

function isOwnFault(error: Error): boolean {
  return (error as { failureType?: unknown }).failureType !== 'subtestsFailed';
}

/** The runner wraps what was thrown; of a file that could not be loaded it knows no more than what Node printed. */
function reasonOf(error: Error, printed: string | undefined): string {
  const { cause } = error;
  const thrown = cause instanceof Error ? cause.message : typeof cause === 'string' ? cause : error.message;
  const isWholeFile =
    (error as { failureType?: unknown }).failureType === 'testCodeFailure' && thrown === 'test failed';
  const told = isWholeFile && printed !== undefined ? (/^\w*Error\b.*$/m.exec(printed)?.[0] ?? printed) : thrown;
  return told.slice(0, longestError);
}
