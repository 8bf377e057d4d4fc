/**
 * Calls to the many vendors whose API has OpenAI's shape: one row each in
 * `vendors.ts`, chosen by the prefix of the model.
 */
import { type Deployment, definePlugin } from '@rutter/plugin-sdk';
import { openAiFailure } from '@rutter/plugin-sdk/codecs';
import { codecsByPrefix } from './codecs.ts';
import { type Vendor, vendors } from './vendors.ts';

const rows = new Map(vendors.flatMap((vendor) => vendor.prefixes.map((prefix) => [prefix, vendor] as const)));
/** A prefix that is not in the table has been claimed by an entry of the configuration: nothing is known of it. */
const unknown: Pick<Vendor, 'origin' | 'keys' | 'bases' | 'isKeyOptional'> = { origin: '', keys: [], bases: [] };
const rowOf = (prefix: string) => rows.get(prefix) ?? unknown;

export default definePlugin({
  kind: 'provider',
  setup: () => ({
    origin: ({ provider }: Deployment) => rowOf(provider).origin,
    variables: (prefix) => ({ api_base: rowOf(prefix).bases }),
    auth({ provider }: Deployment) {
      const { keys, isKeyOptional = false } = rowOf(provider);
      return { scheme: 'header', header: 'authorization', prefix: 'Bearer ', variable: keys, optional: isKeyOptional };
    },
    ...codecsByPrefix(),
    failure: openAiFailure,
  }),
});
