/** Runs the conformance suite of a plugin's kind on its packed text: what a gateway would load. */
import { readFile } from 'node:fs/promises';
import type { Kind } from '../contract/kinds.ts';
import type { PluginDefinition } from '../contract/plugin.ts';
import { evaluatePacked } from '../pack/evaluate.ts';
import type { PackResult } from '../pack/pack.ts';
import * as testing from '../testing/index.ts';
import { type Report, runSuite, type SuiteOptions } from '../testing/report.ts';
import { count, type Finding, failed, passed, problemsOf, skipped } from './findings.ts';

const step = 'conformance';

type Suite = (definition: PluginDefinition, options: SuiteOptions) => Promise<Report>;

export interface Subject {
  readonly folder: string;
  /** The source file that is named in problems. */
  readonly entry: string;
  readonly packed: PackResult;
  /** The plugin's options; undefined when none were given. */
  readonly options: unknown;
  /** An empty folder for plugins that need one. */
  readonly dataFolder: string;
}

export async function checkConformance({ folder, entry, packed, options, dataFolder }: Subject): Promise<Finding> {
  const { file, manifest } = packed;
  const { kind, uses } = manifest;
  try {
    const text = await readFile(file, 'utf8');
    const definition = await evaluatePacked({ text, file, folder, manifest });
    if (uses.length > 0) return skipped(step, `it uses ${uses.join(', ')}, which only its own test can supply`);
    const wanting = options === undefined ? wantingOptions(definition) : [];
    if (wanting.length > 0) return skipped(step, `it wants ${wanting.join(', ')}: give a JSON file with --options`);
    const own = suiteOf(kind);
    const { failed: broken, passed: held } = await (own ?? sharedSuite(kind))(definition, {
      config: options ?? {},
      host: { dataFolder },
    });
    if (broken.length > 0)
      return failed(
        step,
        broken.map(({ title, reason }) => `${entry}: ${title}: ${reason}`),
      );
    const checks = `${count(held.length, 'check')} on the packed text`;
    return passed(
      step,
      own === undefined ? `${checks}, of all kinds; there are no more for ${kind}` : `${checks}, of the ${kind} suite`,
    );
  } catch (error) {
    return failed(step, problemsOf(error, entry));
  }
}

/** Paths of options that have no default. */
function wantingOptions(definition: PluginDefinition): readonly string[] {
  const parsed = definition.config.safeParse({});
  return parsed.success ? [] : parsed.error.issues.map(({ path, message }) => path.join('.') || message);
}

/** `checkStrategy` for a strategy; undefined where a kind has no suite of its own. */
function suiteOf(kind: Kind): Suite | undefined {
  const name = `check${kind.charAt(0).toUpperCase()}${kind.slice(1)}`;
  const own = (testing as Readonly<Record<string, unknown>>)[name];
  return typeof own === 'function' ? (own as Suite) : undefined;
}

const sharedSuite =
  (kind: Kind): Suite =>
  (subject, options) =>
    runSuite(kind, { subject, options }, async () => {});
