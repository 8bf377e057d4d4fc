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

/** Lines are marked: a test may print whatever it likes. */
export const mark = 'rutter-plugin-test ';

export default async function* report(source: AsyncIterable<TestEvent>): AsyncIterable<string> {
  for await (const event of source) {
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
      reason: isFailure ? reasonOf(event.data.details.error) : '',
    };
    yield `${mark}${JSON.stringify(told)}\n`;
  }
}

function isOwnFault(error: Error): boolean {
  return (error as { failureType?: unknown }).failureType !== 'subtestsFailed';
}

/** The runner wraps what was thrown. */
function reasonOf({ cause, message }: Error): string {
  const thrown = cause instanceof Error ? cause.message : typeof cause === 'string' ? cause : message;
  return thrown.slice(0, 4_000);
}
