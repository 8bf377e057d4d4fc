/** The `rutter` program: which command, and how it ends. */
import { RutterError } from '@rutter/plugin-sdk';
import { didYouMean } from '@rutter/plugin-sdk/pack';
import { serveHelp } from './options.ts';

const help = `Rutter, an LLM gateway made of plugins.

${serveHelp}
rutter check FILE            tells everything that is wrong with a configuration; starts nothing
rutter doctor FILE           tells what each model would call and cost, what is missing, ignored or different
rutter init [FILE]           writes a configuration from the vendors' keys in the environment
rutter route "QUESTION"        tells which deployment a question would go to, and why; calls nothing
rutter plugins [options]     lists what a running gateway is made of, with the reason for each
rutter reload [options]      makes a running gateway read its configuration again
rutter diff [FILE]           tells what a reload would start, stop and carry over; changes nothing
rutter rollback [N]          puts an earlier generation of a running gateway in force again
rutter canary [VERDICT]      tells which canary runs; promote puts it in force, revert ends it
rutter generations           lists the last ten generations of a running gateway
rutter publish FOLDER        puts a packed plugin where gateways look for it
rutter version               says which Rutter this is
`;

const commands: Readonly<Record<string, () => Promise<(args: readonly string[]) => Promise<number>>>> = {
  serve: async () => (await import('./serve.ts')).serve,
  check: async () => (await import('./check-command.ts')).checkCommand,
  doctor: async () => (await import('./doctor.ts')).doctor,
  init: async () => (await import('./init.ts')).init,
  route: async () => (await import('./route.ts')).route,
  plugins: async () => (await import('./remote.ts')).listPlugins,
  reload: async () => (await import('./remote.ts')).requestReload,
  diff: async () => (await import('./reload-commands.ts')).diff,
  rollback: async () => (await import('./reload-commands.ts')).rollback,
  canary: async () => (await import('./reload-commands.ts')).canary,
  generations: async () => (await import('./reload-commands.ts')).generations,
  publish: async () => (await import('./publish.ts')).publishCommand,
  version: async () => async () => {
    const { version } = await import('../version.ts');
    process.stdout.write(`rutter ${version}\n`);
    return 0;
  },
};

async function run(args: readonly string[]): Promise<number> {
  const [first = 'serve', ...rest] = args;
  if (first === 'help' || first === '--help' || first === '-h') {
    process.stdout.write(help);
    return 0;
  }
  if (first === '--version') return run(['version']);
  if (first.startsWith('-')) return run(['serve', ...args]);
  if ((rest.includes('--help') || rest.includes('-h')) && first === 'serve') {
    process.stdout.write(serveHelp);
    return 0;
  }
  const load = Object.hasOwn(commands, first) ? commands[first] : undefined;
  if (load) return (await load())(rest);
  const { runPluginCommand } = await import('./plugin-command.ts');
  const code = await runPluginCommand(first, rest);
  if (code !== undefined) return code;
  process.stderr.write(
    `The command "${first}" is not known.${didYouMean(first, Object.keys(commands))} See rutter help.\n`,
  );
  return 1;
}

try {
  // A server that runs has taken the process over and ends it itself.
  const code = await run(process.argv.slice(2));
  if (code >= 0) process.exitCode = code;
} catch (error) {
  const known = RutterError.is(error);
  process.stderr.write(`${known ? error.message : ((error as Error).stack ?? String(error))}\n`);
  process.exit(1);
}
