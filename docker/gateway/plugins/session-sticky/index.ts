/** Keeps a session on one deployment, whose prompt cache then knows it; the others follow in an order of its own. */
import { createHash } from 'node:crypto';
import { definePlugin, z } from '@rutter/plugin-sdk';

const config = z.strictObject({
  header: z.string().default('x-session-id').describe('Header that names the session.'),
});

export default definePlugin({
  kind: 'strategy',
  config,
  setup(_host, { header }) {
    const weight = (session: string, id: string) => createHash('sha256').update(`${session}\n${id}`).digest('hex');
    return {
      select({ headers }, candidates) {
        const session = headers[header];
        // Without a session the next strategy decides.
        if (session === undefined) return undefined;
        return candidates
          .map((candidate) => ({ candidate, weight: weight(session, candidate.deployment.id) }))
          .sort((a, b) => (a.weight < b.weight ? -1 : 1))
          .map(({ candidate }) => candidate);
      },
    };
  },
});
