/** Keeps a session on one deployment, whose prompt cache then knows it; the others follow in an order of its own. */
import { definePlugin, z } from '@rutter/plugin-sdk';

const config = z.strictObject({
  header: z.string().default('x-session-id').describe('Header that names the session, in lower case.'),
});

export default definePlugin({
  kind: 'strategy',
  config,
  setup(_host, { header }) {
    return {
      select({ headers }, candidates) {
        const session = headers[header];
        // Without a session the next strategy decides.
        if (session === undefined) return undefined;
        // Each session ranks the deployments anew, so that one that goes away is replaced by all the others alike.
        return candidates
          .map((candidate) => ({ candidate, rank: hash(`${session}\n${candidate.deployment.id}`) }))
          .sort((a, b) => a.rank - b.rank)
          .map(({ candidate }) => candidate);
      },
    };
  },
});

/** FNV-1a, and a mix after it, since its low bits follow the last characters closely. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  value = Math.imul(value ^ (value >>> 16), 0x45d9f3b);
  return (value ^ (value >>> 16)) >>> 0;
}
