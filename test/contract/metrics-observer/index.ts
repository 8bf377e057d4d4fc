/**
 * Counts requests as they settle and what the kernel changes, for Prometheus.
 *
 * The counts survive reloads: a new instance goes on where the last one is,
 * and an old one, while it drains, counts into the same numbers.
 */
import { definePlugin, type Usage, z } from '@rutter/plugin-sdk';
import { Counters } from './counters.ts';

const config = z.strictObject({
  path: z.string().startsWith('/').default('/metrics').describe('Where the counts are read.'),
  prefix: z
    .string()
    .regex(/^[a-zA-Z_]\w*$/)
    .default('rutter')
    .describe('What every name begins with.'),
});

const help = {
  requests_total: 'Requests that have ended, by model group, status and ending.',
  attempts_total: 'Calls of deployments, by the code of their error.',
  tokens_total: 'Tokens as vendors report them.',
  cost_nano_usd_total: 'Cost of requests with known prices, in 1e-9 US dollars.',
  events_total: 'What the kernel changed or noticed.',
};

export default definePlugin({
  kind: 'observer',
  config,
  setup(host, { path, prefix }) {
    const counters = host.keep('counters', 1, () => new Counters());
    return {
      settled({ group, status, ending, operation, attempts, usage, costNanoUsd }) {
        counters.add('requests_total', { group, operation, status: String(status), ending });
        for (const { deployment, error } of attempts)
          counters.add('attempts_total', { deployment, error: error?.code ?? '' });
        for (const [bucket, tokens] of buckets(usage)) counters.add('tokens_total', { group, bucket }, tokens);
        if (costNanoUsd) counters.add('cost_nano_usd_total', { group }, costNanoUsd);
      },
      changed: ({ type }) => counters.add('events_total', { type }),
      routes: [
        {
          method: 'GET',
          path,
          mode: 'raw',
          permission: 'metrics.read',
          handler: () => ({
            headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' },
            body: counters.text(prefix, help),
          }),
        },
      ],
    };
  },
});

const buckets = (usage: Usage | undefined): readonly (readonly [string, number])[] =>
  Object.entries(usage ?? {}).filter(
    (entry): entry is [string, number] => typeof entry[1] === 'number' && entry[1] > 0,
  );
