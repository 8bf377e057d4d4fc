/** What a start would find wrong, from the files to the options of every plugin; nothing is set up. */
import { join } from 'node:path';
import { RutterError } from '@rutter/plugin-sdk';
import { kernelServices } from '../admin/kernel-provides.ts';
import { readConfiguration } from '../config/read.ts';
import type { Configuration, Diagnostic } from '../config/types.ts';
import { CompositionReader, telling } from '../generation/read-composition.ts';
import { systemClock } from '../kernel.ts';
import type { Distribution } from '../plugins/distribution.ts';
import { Evaluator } from '../plugins/evaluate.ts';
import { configure, readerOf } from '../plugins/instance-config.ts';
import { PackCache } from '../plugins/pack-cache.ts';
import type { ComposedInstance } from '../plugins/plan.ts';
import { Sandbox } from '../sandbox/sandbox.ts';
import { sourcesAlone } from '../sources/alone.ts';
import type { CheckResult } from './check.ts';
import { scratchOf } from './scratch.ts';

export interface CheckComposition {
  readonly files: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  readonly distribution: Distribution | undefined;
  /** Its `plugins` is the plugin folder where the files name none. */
  readonly dataFolder: string;
}

export async function checkComposition(options: CheckComposition): Promise<CheckResult> {
  const { files, environment, distribution, dataFolder } = options;
  const defaultsFile = distribution?.defaultsFile;
  const sandbox = new Sandbox();
  const scratch = await scratchOf(dataFolder);
  const alone = sourcesAlone({ environment, dataFolder: scratch.folder, clock: systemClock, sandbox });
  try {
    const reader = new CompositionReader({
      readConfiguration: telling(
        (known, _text, remote) => readConfiguration({ files, environment, ...known, defaultsFile, remote }),
        (configuration) => alone.follow(configuration),
      ),
      distribution,
      // Of its own: a check leaves nothing behind.
      cache: new PackCache({ folder: join(scratch.folder, 'pack-cache'), clock: systemClock, sandbox }),
      dataFolder,
      provided: kernelServices,
      required: ['state', 'store'],
      sources: alone.sources,
    });
    const read = await reader.read();
    if ('diagnostics' in read) return read;
    const evaluator = new Evaluator();
    const checks = read.composition.order.map((instance) =>
      checkOptions(instance, { evaluator, sandbox }, read.configuration),
    );
    const found = [...read.warnings, ...(await Promise.all(checks)).flat()];
    if (found.some(({ severity }) => severity === 'error')) return { diagnostics: found };
    return { configuration: read.configuration, warnings: found };
  } finally {
    sandbox.close();
    await alone.close();
    await scratch.remove();
  }
}

async function checkOptions(
  instance: ComposedInstance,
  { evaluator, sandbox }: { readonly evaluator: Evaluator; readonly sandbox: Sandbox },
  configuration: Configuration,
): Promise<readonly Diagnostic[]> {
  try {
    if (instance.package.origin === 'untrusted' || !instance.isTrusted)
      return await sandbox.check(instance, configuration);
    const { definition } = await evaluator.acquire(instance.package);
    const result = await configure(instance, readerOf(instance.package, definition), configuration);
    return 'diagnostics' in result ? result.diagnostics : result.warnings;
  } catch (error) {
    const { message } = RutterError.from(error, 'ERR_PLUGIN_INVALID');
    const { folder } = instance.package;
    return [{ severity: 'error', message, found: folder, expected: 'a plugin that loads', place: instance.place }];
  }
}
