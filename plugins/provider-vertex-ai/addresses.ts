/**
 * Where on Google Cloud a model is called.
 *
 * `{project}` in a path is filled by the kernel with the project of the
 * credential. https://cloud.google.com/vertex-ai/generative-ai/docs/learn/locations
 */
import { type Deployment, RutterError } from '@rutter/plugin-sdk';
import { geminiVersion, isFilled, pathSegment } from '@rutter/plugin-sdk/codecs';

export interface Defaults {
  readonly origin: string | undefined;
  readonly project: string | undefined;
  readonly location: string | undefined;
  readonly apiVersion: string;
}

/** Which API of Vertex AI a model is behind. */
export type Family = 'gemini' | 'claude' | 'published' | 'open' | 'endpoint';

/** A model as its name in the configuration says. */
export interface Named {
  readonly family: Family;
  /** As it stands in paths; without the publisher. */
  readonly model: string;
  readonly publisher: string;
}

/** Publishers whose models take OpenAI's shape by `rawPredict`, by the beginnings of the models' names. */
const published: readonly { readonly publisher: string; readonly names: RegExp }[] = [
  { publisher: 'mistralai', names: /^(?:mistral|ministral|codestral|magistral|pixtral)/ },
  { publisher: 'ai21', names: /^jamba/ },
];

export function named({ model: whole }: Pick<Deployment, 'model'>): Named {
  const [, prefix = '', rest = whole] = /^([^/]+)\/(.+)$/.exec(whole) ?? [];
  if (prefix === 'anthropic' || (prefix === '' && whole.startsWith('claude')))
    return { family: 'claude', model: rest, publisher: 'anthropic' };
  if (prefix === '' || prefix === 'google' || prefix === 'gemini') return ofGoogleOrPublisher(rest);
  if (prefix === 'openai' && /^\d+$/.test(rest)) return { family: 'endpoint', model: rest, publisher: '' };
  const found = published.find(({ publisher }) => publisher === prefix);
  return found === undefined
    ? { family: 'open', model: whole, publisher: prefix }
    : { family: 'published', model: rest, publisher: prefix };
}

function ofGoogleOrPublisher(model: string): Named {
  const found = published.find(({ names }) => names.test(model));
  if (found !== undefined) return { family: 'published', model, publisher: found.publisher };
  return { family: 'gemini', model, publisher: 'google' };
}

const setting = ({ params }: Deployment, ...names: readonly string[]): string | undefined =>
  names.map((name) => params[name]).find(isFilled);

const projectOf = (deployment: Deployment, defaults: Defaults) =>
  setting(deployment, 'vertex_project', 'vertex_ai_project') ?? defaults.project;

/** From Gemini 3 on models are served globally; Claude is in the same region whatever its version. */
function locationOf(deployment: Deployment, defaults: Defaults): string {
  const own = setting(deployment, 'vertex_location', 'vertex_ai_location') ?? defaults.location;
  if (own !== undefined) return own;
  const { family, model } = named(deployment);
  if (family === 'claude') return 'us-east5';
  return family === 'gemini' && (geminiVersion(model) ?? 0) >= 300 ? 'global' : 'us-central1';
}

/** A key brings its project itself, and is taken at the global address alone. */
const isExpress = (deployment: Deployment, defaults: Defaults) =>
  deployment.hasApiKey === true && projectOf(deployment, defaults) === undefined;

const wellFormed = /^[a-z0-9-]{1,63}$/;

export function originOf(deployment: Deployment, defaults: Defaults): string {
  if (defaults.origin !== undefined) return defaults.origin;
  const location = locationOf(deployment, defaults);
  // A name that is none is refused by `pathOf`, with the request.
  if (location === 'global' || isExpress(deployment, defaults) || !wellFormed.test(location))
    return 'https://aiplatform.googleapis.com';
  // Two continents are served by addresses of their own.
  if (location === 'us' || location === 'eu') return `https://aiplatform.${location}.rep.googleapis.com`;
  return `https://${location}-aiplatform.googleapis.com`;
}

/** The path of a resource below its location, such as `publishers/google/models/m:predict`. */
export function pathOf(deployment: Deployment, defaults: Defaults, resource: string): string {
  const base = (deployment.apiBase ?? '').replace(/\/+$/, '');
  const version = /\/v\d[a-z\d]*$/.test(base) ? '' : `/${deployment.apiVersion ?? defaults.apiVersion}`;
  if (isExpress(deployment, defaults)) return `${version}/${resource}`;
  const location = locationOf(deployment, defaults);
  if (!wellFormed.test(location)) {
    throw new RutterError(
      'ERR_CONFIG_INVALID',
      `vertex_location: found ${JSON.stringify(location)}, expected a location such as us-central1 or global.`,
      { retry: 'next', expose: true },
    );
  }
  const project = projectOf(deployment, defaults);
  const owner = project === undefined ? '{project}' : pathSegment(project);
  return `${version}/projects/${owner}/locations/${location}/${resource}`;
}

/** A published model, or, by its number, one tuned and deployed by the project itself. */
export function modelResource({ model, publisher }: Named): string {
  const number = /^(?:endpoints\/)?(\d+)$/.exec(model)?.[1];
  return number === undefined ? `publishers/${publisher}/models/${pathSegment(model)}` : `endpoints/${number}`;
}
