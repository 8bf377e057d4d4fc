/**
 * References that `secrets` plugins resolve, such as `vault/name`: in the
 * options of other plugins and in the credentials of deployments.
 *
 * Invariant: a text that begins with a claimed prefix is never used as it
 * stands. What has no value is refused, with its place and without its name's
 * value.
 */
import { RutterError, type Secret, type SecretsResolver } from '@rutter/plugin-sdk';
import type { Configuration, DeploymentSettings } from '../config/types.ts';
import { within } from '../deadline.ts';
import { createSecret, isSecret, revealSecret } from '../upstream/secret.ts';
import type { PluginPackage } from './types.ts';

/** A `secrets` instance that runs, with what it claims. */
export interface ResolverInstance {
  readonly name: string;
  readonly package: Pick<PluginPackage, 'manifest'>;
  readonly value: unknown;
}

const deepest = 16;
const resolveMs = 10_000;

export class References {
  readonly #resolvers: readonly { readonly prefix: string; readonly name: string; readonly value: SecretsResolver }[];

  constructor(running: Iterable<ResolverInstance>) {
    this.#resolvers = [...running]
      .filter(({ package: { manifest } }) => manifest.kind === 'secrets')
      .flatMap(({ name, package: { manifest }, value }) =>
        (manifest.claims.references ?? []).map((prefix) => ({ prefix, name, value: value as SecretsResolver })),
      );
  }

  get isEmpty(): boolean {
    return this.#resolvers.length === 0;
  }

  /** A copy with every reference in it replaced by its value. */
  async resolve<T>(value: T, where: string, depth = 0): Promise<T> {
    if (typeof value === 'string') return (await this.#text(value, where)) as T;
    if (typeof value !== 'object' || value === null || isSecret(value) || depth > deepest) return value;
    if (Array.isArray(value))
      return (await Promise.all(value.map((item, index) => this.resolve(item, `${where}[${index}]`, depth + 1)))) as T;
    const entries = Object.entries(value).map(
      async ([key, item]) => [key, await this.resolve(item, `${where}.${key}`, depth + 1)] as const,
    );
    return Object.fromEntries(await Promise.all(entries)) as T;
  }

  /** The configuration with the credentials of its deployments resolved. */
  async ofDeployments(configuration: Configuration): Promise<Configuration> {
    if (this.isEmpty) return configuration;
    const deployments = await Promise.all(configuration.deployments.map((settings) => this.#deployment(settings)));
    return { ...configuration, placeOf: (path) => configuration.placeOf(path), deployments };
  }

  async #deployment(settings: DeploymentSettings): Promise<DeploymentSettings> {
    const where = settings.place.path;
    const secrets = Object.entries(settings.secrets).map(
      async ([name, secret]) => [name, await this.#secret(secret, `${where}.${name}`)] as const,
    );
    return {
      ...settings,
      apiKey: settings.apiKey && (await this.#secret(settings.apiKey, `${where}.litellm_params.api_key`)),
      secrets: Object.fromEntries(await Promise.all(secrets)),
    };
  }

  async #secret(secret: Secret, where: string): Promise<Secret> {
    const text = revealSecret(secret);
    const found = await this.#text(text, where);
    return found === text ? secret : createSecret(found);
  }

  async #text(text: string, where: string): Promise<string> {
    const resolver = this.#resolvers.find(({ prefix }) => text.startsWith(prefix));
    if (resolver === undefined) return text;
    const found = await within(() => resolver.value.resolve(text), {
      ms: resolveMs,
      late: `Plugin "${resolver.name}" took longer to resolve ${where}`,
    });
    if (typeof found === 'string' && found !== '') return found;
    throw new RutterError(
      'ERR_CONFIG_INVALID',
      `${where} refers to ${resolver.prefix}…, and plugin "${resolver.name}" has no such value; expected a name it knows.`,
    );
  }
}
