/**
 * Text vectors from an OpenAI-compatible embeddings endpoint.
 *
 * Nothing is asked at the start: what the endpoint gives is known from the
 * configuration, so that a gateway starts while the endpoint is away.
 */
import { createHash } from 'node:crypto';
import { definePlugin, RutterError, secret, z } from '@rutter/plugin-sdk';
import { rememberVectors } from '@rutter/plugin-sdk/embedding';
import { askVectors } from './endpoint.ts';

const config = z.strictObject({
  api_base: z.url().describe('Address of the API, such as https://api.openai.com/v1; /embeddings is added to it.'),
  api_key: secret().optional().describe('Sent as a bearer token.'),
  model: z.string().min(1).describe('Model the endpoint knows.'),
  dimensions: z.int().min(1).max(65_536).describe('Numbers of a vector; another length is refused.'),
  send_dimensions: z.boolean().default(false).describe('Whether the endpoint is asked for that many dimensions.'),
  revision: z
    .string()
    .default('')
    .describe('Part of the version that artefacts are trained with: change it when the endpoint serves other vectors.'),
  max_letters: z.int().min(16).max(1_000_000).default(24_000).describe('Of a longer text the beginning is sent.'),
  batch: z.int().min(1).max(2_048).default(64).describe('Most texts of one request.'),
  timeout_ms: z
    .int()
    .min(10)
    .max(600_000)
    .default(10_000)
    .describe('Longest time of one request, all attempts together.'),
  retries: z
    .int()
    .min(0)
    .max(10)
    .default(2)
    .describe('Further attempts where one may help: 408, 429, 5xx, a lost connection.'),
  max_in_flight: z.int().min(1).max(10_000).default(32).describe('Most callers at a time; further ones are refused.'),
  cache_entries: z
    .int()
    .min(0)
    .max(1_000_000)
    .default(4_096)
    .describe('Vectors that are remembered, by the hash of their text.'),
});

export default definePlugin({
  kind: 'embedder',
  config,
  setup(host, { api_base, api_key, model, dimensions, max_letters, ...options }) {
    const endpoint = {
      ...{ url: `${api_base.replace(/\/+$/, '')}/embeddings`, key: api_key, model, dimensions },
      ...{ sendsDimensions: options.send_dimensions, timeoutMs: options.timeout_ms, retries: options.retries },
    };
    const version = createHash('sha256').update(JSON.stringify([model, dimensions, max_letters, options.revision]));
    let inFlight = 0;
    /** Vectors of texts that hold more than white space: endpoints refuse others. */
    const ask = async (texts: readonly string[]) => {
      if (inFlight >= options.max_in_flight)
        throw new RutterError('ERR_LIMIT_OVERLOADED', `${inFlight} callers wait for vectors already; no more may.`);
      inFlight++;
      try {
        const vectors: Float32Array[] = [];
        for (let from = 0; from < texts.length; from += options.batch)
          vectors.push(...(await askVectors(host, endpoint, texts.slice(from, from + options.batch))));
        return vectors;
      } finally {
        inFlight--;
      }
    };
    return {
      dimensions,
      version: `http-${version.digest('hex').slice(0, 16)}`,
      embed: rememberVectors(async (texts) => {
        const sent = texts.map((text) => text.slice(0, max_letters).toWellFormed());
        const told = sent.filter((text) => text.trim() !== '');
        const vectors = told.length === 0 ? [] : await ask(told);
        let at = 0;
        return sent.map((text) =>
          text.trim() === '' ? new Float32Array(dimensions) : (vectors[at++] as Float32Array),
        );
      }, options.cache_entries),
    };
  },
});
