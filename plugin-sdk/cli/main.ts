/** Entry of the `rutter-plugin` command. */
import { runProgram } from './program.ts';

const write = (stream: NodeJS.WriteStream) => (text: string) => void stream.write(text);

// A plugin that was tried out may have left timers behind: nothing waits for them.
process.exit(
  await runProgram(process.argv.slice(2), {
    cwd: process.cwd(),
    out: write(process.stdout),
    err: write(process.stderr),
  }),
);
