/** Prefers the deployment whose topic is nearest to the request's words. */
import { type Candidate, definePlugin, z } from '@rutter/plugin-sdk';

const config = z.strictObject({
  topics: z.record(z.string(), z.string()).default({}).describe('Words of a topic, by deployment.'),
});

export default definePlugin({
  kind: 'strategy',
  config,
  async setup(host, { topics }) {
    const ids = Object.keys(topics);
    const vectors = ids.length === 0 ? [] : await host.use('embedder').embed(Object.values(topics));
    const byId = new Map(ids.map((id, index) => [id, vectors[index]]));
    return {
      async prepare({ features }) {
        await features.want('embedding');
      },
      select({ features }, candidates) {
        const words = features.get('embedding');
        if (!(words instanceof Float32Array)) return undefined;
        const nearness = ({ deployment }: Candidate) => overlap(byId.get(deployment.id), words);
        return [...candidates].sort((a, b) => nearness(b) - nearness(a));
      },
    };
  },
});

function overlap(topic: Float32Array | undefined, words: Float32Array): number {
  return topic?.reduce((sum, value, index) => sum + value * (words[index] ?? 0), 0) ?? 0;
}
