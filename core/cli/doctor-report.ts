/** What a configuration would do: what each name calls and costs, what is missing, ignored or different. */
import type { CheckedDeployment } from '../admin/health.ts';
import { credentials } from '../attempts/start.ts';
import { type CompatNote, notesFor } from '../config/compat-notes.ts';
import type { Configuration, Diagnostic, Place } from '../config/types.ts';
import type { Target } from '../pipeline/models.ts';
import type { RequestPath } from '../pipeline/path.ts';
import { Bill } from '../pricing/bill.ts';
import { type CredentialState, credentialState } from '../upstream/auth/credential-state.ts';

/** Tokens of the request that is priced. */
export const sampleUsage = { input: 1000, output: 500 };

export interface DoctorDeployment {
  readonly id: string;
  readonly provider: string;
  readonly model: string;
  /** Scheme, host and path; never a query. */
  readonly address: string;
  readonly credential: CredentialState;
  /** Dollars of the sample request; undefined when its price is unknown. */
  readonly sampleUsd: string | undefined;
  readonly priceSource: string | undefined;
}

interface DoctorModel {
  readonly name: string;
  readonly kind: 'group' | 'alias' | 'wildcard';
  /** What was resolved in its stead, of a wildcard. */
  readonly sample?: string;
  readonly deployments: readonly DoctorDeployment[];
}

export interface DoctorReport {
  readonly wouldStart: boolean;
  readonly files: readonly string[];
  readonly problems: readonly Diagnostic[];
  readonly ignored: readonly { readonly key: string; readonly message: string; readonly place: Place }[];
  /** References whose variable is not set, and variables that would hold a deployment's key. */
  readonly missingVariables: readonly { readonly name: string; readonly for: readonly string[] }[];
  readonly models: readonly DoctorModel[];
  /** Entries of `model_list` that stand for no deployment because something is wrong with them. */
  readonly leftOut: readonly { readonly name: string; readonly place: Place; readonly reason: string }[];
  readonly differences: readonly CompatNote[];
  /** With `--live` only. `error` is undefined where the deployment answered. */
  readonly live?: readonly LiveResult[];
}

export type LiveResult = Pick<CheckedDeployment, 'id' | 'group' | 'error'> & { readonly ms?: number };

/** For a configuration that would not start. */
export function refusedReport(diagnostics: readonly Diagnostic[], files: readonly string[]): DoctorReport {
  return { ...told(diagnostics), wouldStart: false, files, models: [], leftOut: [], differences: [] };
}

export function doctorReport(
  configuration: Configuration,
  path: RequestPath,
  {
    warnings,
    environment,
    defaultsFile,
  }: { warnings: readonly Diagnostic[]; environment: NodeJS.ProcessEnv; defaultsFile: string | undefined },
): DoctorReport {
  const models = modelsOf(configuration, path, { ...environment, ...configuration.variables });
  const found = told(warnings);
  return {
    ...found,
    wouldStart: true,
    files: configuration.files.filter((file) => file !== defaultsFile),
    models,
    leftOut: leftOut(configuration, found.problems),
    missingVariables: withKeys(found.missingVariables, models),
    differences: notesFor(
      configuration.settings,
      found.missingVariables.flatMap(({ for: places }) => places),
    ),
  };
}

function told(diagnostics: readonly Diagnostic[]): Pick<DoctorReport, 'problems' | 'ignored' | 'missingVariables'> {
  const about = (topic: Diagnostic['topic']) => diagnostics.filter((one) => one.topic === topic);
  const variables = Map.groupBy(about('variable'), ({ subject }) => subject ?? '');
  return {
    problems: diagnostics.filter(({ topic, severity }) => topic === undefined || severity === 'error'),
    ignored: about('ignored').map(({ subject = '', message, place }) => ({ key: subject, message, place })),
    missingVariables: [...variables].map(([name, all]) => ({ name, for: all.map(({ place }) => place.path) })),
  };
}

/** An entry for another stage than this one's is left out as it was meant, and has no problem. */
function leftOut({ settings, deployments }: Configuration, problems: readonly Diagnostic[]): DoctorReport['leftOut'] {
  const entries = Array.isArray(settings.model_list) ? (settings.model_list as unknown[]) : [];
  const used = new Set(deployments.map(({ place }) => place.path));
  return entries.flatMap((entry, index) => {
    const path = `model_list[${index}]`;
    const problem = used.has(path)
      ? undefined
      : problems.find(({ place }) => place.path === path || place.path.startsWith(`${path}.`));
    if (problem === undefined) return [];
    const { model_name: name } = (entry ?? {}) as Readonly<Record<string, unknown>>;
    return [{ name: typeof name === 'string' ? name : path, place: problem.place, reason: problem.message }];
  });
}

/** A deployment without a key of its own could have had it from these. */
function withKeys(
  missing: DoctorReport['missingVariables'],
  models: readonly DoctorModel[],
): DoctorReport['missingVariables'] {
  const uses = new Map(missing.map(({ name, for: places }) => [name, new Set(places)]));
  for (const { deployments } of models)
    for (const { id, credential } of deployments) {
      if (credential.state !== 'missing') continue;
      const [name] = credential.variables;
      if (name !== undefined) uses.set(name, (uses.get(name) ?? new Set()).add(`the key of deployment ${id}`));
    }
  return [...uses].map(([name, all]) => ({ name, for: [...all] }));
}

function modelsOf(
  configuration: Configuration,
  path: RequestPath,
  environment: NodeJS.ProcessEnv,
): readonly DoctorModel[] {
  const aliases = new Set([
    ...configuration.kernel.callers.modelAliases.keys(),
    ...configuration.router.modelGroupAlias.keys(),
  ]);
  return [...new Set([...path.models.names(true), ...aliases])].map((name) => {
    const alias = configuration.kernel.callers.modelAliases.get(name)?.model ?? name;
    const kind = aliases.has(name) ? 'alias' : name.includes('*') ? 'wildcard' : 'group';
    const sample = kind === 'wildcard' ? sampleOf(path, name) : undefined;
    const targets = path.models.resolve(sample ?? alias)?.group.targets ?? [];
    const deployments = targets.map((target) => deploymentOf(target, environment));
    return { name, kind, ...(sample === undefined ? {} : { sample }), deployments } as const;
  });
}

/** A name that the pattern covers: the model of its health check, one that the provider offers, else any. */
function sampleOf(path: RequestPath, pattern: string): string {
  const [target] = path.models.behind(pattern);
  if (target === undefined) return pattern.replaceAll('*', 'example');
  const { settings, deployment } = target;
  const offered = path.instances.flatMap(({ manifest: { claims } }) =>
    (claims.modelPrefixes ?? []).includes(settings.provider)
      ? (claims.environment ?? []).flatMap(({ models }) => models)
      : [],
  );
  const bare = (model: string) =>
    model.startsWith(`${settings.provider}/`) ? model.slice(settings.provider.length + 1) : model;
  const known = [...(settings.healthCheck.model === undefined ? [] : [settings.healthCheck.model]), ...offered].map(
    bare,
  );
  const vendor = new RegExp(`^${deployment.model.split('*').map(escaped).join('(.+)')}$`);
  for (const model of known) {
    const captured = vendor.exec(model);
    if (captured === null) continue;
    const stars = captured.slice(1);
    return pattern.replace(/\*/g, () => stars.shift() ?? 'example');
  }
  return pattern.replaceAll('*', 'example');
}

const escaped = (text: string) => text.replace(/[.+?^${}()|[\]\\]/g, '\\$&');

function deploymentOf(target: Target, environment: NodeJS.ProcessEnv): DoctorDeployment {
  const { deployment, baseUrl, auth, pricing, adjustment } = target;
  const url = URL.parse(baseUrl);
  const bill = new Bill();
  const { input, output } = sampleUsage;
  const usage = deployment.info.mode === 'embedding' ? { input, output: 0 } : { input, output };
  bill.add(usage, pricing.tariff, { adjustment });
  const { nanoUsd } = bill;
  return {
    id: deployment.id,
    provider: deployment.provider,
    model: deployment.model,
    address: url === null ? baseUrl : url.origin + url.pathname.replace(/\/$/, ''),
    credential: credentialState(auth, credentials(target), environment),
    sampleUsd: nanoUsd === undefined ? undefined : (nanoUsd / 1e9).toFixed(9).replace(/0+$/, '').replace(/\.$/, ''),
    priceSource: pricing.source,
  };
}
