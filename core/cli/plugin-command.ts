/** Commands that plugins bring: `rutter <name> …`. */
import { RutterError } from '@rutter/plugin-sdk';
import type { PluginEntry } from '../config/types.ts';
import { Kernel, type KernelOptions } from '../kernel.ts';
import { readShipped } from '../plugins/distribution.ts';
import { noGrants } from '../plugins/plan.ts';
import { kernelOptions } from './given.ts';
import { readServeOptions } from './options.ts';

/** The exit code; undefined when no plugin of the composition, and none that is shipped, has the command. */
export async function runPluginCommand(name: string, args: readonly string[]): Promise<number | undefined> {
  const { kernel: given } = await kernelOptions(readServeOptions([], process.env));
  const kernel = new Kernel(await withClaimants(name, given));
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

/** The configuration with the shipped plugins that claim the command, as far as it does not name them itself. */
async function withClaimants(command: string, given: KernelOptions): Promise<KernelOptions> {
  const shipped = given.distribution ? await readShipped(given.distribution) : [];
  const entries = shipped
    .filter(({ manifest }) => manifest.claims.commands?.includes(command))
    .map(
      ({ manifest: { name } }): PluginEntry => ({
        ...{ use: name, as: name, for: undefined, trust: true, grants: noGrants, onFailure: 'abort', config: {} },
        reason: `command ${command}`,
        place: { file: 'rutter', line: 1, column: 1, path: command },
      }),
    );
  if (entries.length === 0) return given;
  return {
    ...given,
    async readConfiguration(known, text) {
      const read = await given.readConfiguration(known, text);
      if (!('configuration' in read)) return read;
      const { plugins } = read.configuration;
      const missing = entries.filter(({ use }) => !plugins.some((plugin) => plugin.use === use));
      return { ...read, configuration: { ...read.configuration, plugins: [...plugins, ...missing] } };
    },
  };
}
