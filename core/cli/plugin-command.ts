/** Commands that plugins bring: `rutter <name> …`. */
import { RutterError } from '@rutter/plugin-sdk';
import { Kernel } from '../kernel.ts';
import { kernelOptions } from './given.ts';
import { readServeOptions } from './options.ts';

/** The exit code; undefined when no plugin of the composition has the command. */
export async function runPluginCommand(name: string, args: readonly string[]): Promise<number | undefined> {
  const { kernel: given } = await kernelOptions(readServeOptions([], process.env));
  const kernel = new Kernel(given);
  try {
    const report = await kernel.keeper.apply({ source: 'command' });
    if (!report.ok)
      throw new RutterError(
        'ERR_CONFIG_INVALID',
        `The command "${name}" needs a configuration that starts:\n${report.reasons.join('\n')}`,
      );
    const commands = kernel.keeper.current?.instances.flatMap(({ value }) => value.commands ?? []) ?? [];
    const command = commands.find((one) => one.name === name);
    return await command?.run(args, { write: (text) => process.stdout.write(text) });
  } finally {
    await kernel.stop();
  }
}
