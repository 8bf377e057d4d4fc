/**
 * Composes a configuration from the vendor keys found in the environment, for
 * a start without a file. Without any key it offers a simulated provider, so
 * that a first call gets an answer.
 */
import { stringify } from 'yaml';

/** What a provider offers when its variable is set. */
export interface EnvironmentClaim {
  readonly prefix: string;
  readonly variable: string;
  /** The vendor's names, with or without the prefix. */
  readonly models: readonly string[];
}

export interface ComposedText {
  readonly yaml: string;
  /** In words: what was found and what was made of it. No note holds a value. */
  readonly notes: readonly string[];
}

interface ModelEntry {
  readonly model_name: string;
  readonly litellm_params: { readonly model: string; readonly api_key?: string };
}

/** Variables that a note lists; those of vendors whose models are known come first. */
const mostNamed = 4;

export function composeFromEnvironment(
  environment: NodeJS.ProcessEnv,
  claims: readonly EnvironmentClaim[],
): ComposedText {
  const isSet = (variable: string) => (environment[variable] ?? '').trim() !== '';
  const usable = claims
    .filter(({ variable }) => isSet(variable))
    .map((claim) => ({ ...claim, prefix: claim.prefix.replace(/\/+$/, '') }));
  const notes = usable.map(noteOf);
  if (usable.length === 0) {
    const known = claims.toSorted((a, b) => Number(b.models.length > 0) - Number(a.models.length > 0));
    const asked = [...new Set(known.map(({ variable }) => variable))];
    const shown = asked.length > mostNamed ? [...asked.slice(0, mostNamed), 'the key of another vendor'] : asked;
    const remedy = asked.length === 0 ? '' : ` Set ${shown.join(' or ')} to reach a vendor.`;
    notes.push(
      `No vendor's key was found: a simulated provider answers, as "simulated" and as every other name.${remedy}`,
    );
  }
  const masterKey = ['RUTTER_MASTER_KEY', 'LITELLM_MASTER_KEY'].find(isSet);
  notes.push(
    masterKey === undefined
      ? 'No master key was found: callers need none. Set RUTTER_MASTER_KEY to ask for one.'
      : `${masterKey} is the master key: callers need it.`,
  );
  const composed = {
    model_list: usable.length === 0 ? simulated : usable.flatMap(entriesOf),
    ...(masterKey === undefined ? {} : { general_settings: { master_key: `os.environ/${masterKey}` } }),
  };
  return { yaml: stringify(composed), notes };
}

const simulated: readonly ModelEntry[] = ['simulated', '*'].map((name) => ({
  model_name: name,
  litellm_params: { model: 'simulated/default' },
}));

function entriesOf({ prefix, variable, models }: EnvironmentClaim): readonly ModelEntry[] {
  const key = `os.environ/${variable}`;
  const names = [...new Set(models.map((model) => bare(model, prefix)))];
  return [
    ...names.map((name) => ({ model_name: name, litellm_params: { model: `${prefix}/${name}`, api_key: key } })),
    { model_name: `${prefix}/*`, litellm_params: { model: `${prefix}/*`, api_key: key } },
  ];
}

function noteOf({ prefix, variable, models }: EnvironmentClaim): string {
  const names = [...new Set(models.map((model) => bare(model, prefix)))];
  return `${variable} was found: ${[...names, `${prefix}/*`].join(', ')} ${names.length === 0 ? 'goes' : 'go'} to ${prefix}.`;
}

function bare(model: string, prefix: string): string {
  return model.startsWith(`${prefix}/`) ? model.slice(prefix.length + 1) : model;
}
