/**
 * Sends what belongs together to the same deployment, so that what a vendor
 * keeps of earlier calls is found again: the requests of one session, or all of
 * one caller.
 *
 * The order follows from the key and the deployments' ids alone (highest random
 * weight): replicas agree without a word, and when a deployment comes or goes
 * nothing moves but what was there or belongs there.
 */
import { type Candidate, definePlugin, type RequestContext, z } from '@rutter/plugin-sdk';

const config = z.strictObject({
  checks: z
    .array(z.string())
    .default(['session_affinity', 'deployment_affinity'])
    .describe('`session_affinity` by session, `deployment_affinity` by caller; the session goes first.'),
});

/** Headers that name a session. */
const sessionHeaders = ['x-litellm-session-id', 'x-rutter-session-id'];

export default definePlugin({
  kind: 'strategy',
  config,
  setup(_host, { checks }) {
    const bySession = checks.includes('session_affinity');
    const byCaller = checks.includes('deployment_affinity');

    function keyOf({ headers, principal }: RequestContext): string | undefined {
      const session = bySession ? sessionHeaders.map((name) => headers[name]).find(Boolean) : undefined;
      if (session) return `session ${session}`;
      return byCaller && principal.kind === 'key' ? `caller ${principal.id}` : undefined;
    }

    return {
      select(context, candidates) {
        const key = keyOf(context);
        if (key === undefined) return undefined;
        const weighed = candidates.map((candidate) => ({ candidate, weight: weightOf(key, candidate) }));
        return weighed.sort((a, b) => b.weight - a.weight).map(({ candidate }) => candidate);
      },
    };
  },
});

/** Of 32 bits; FNV-1a with a last mixing, without which ids that differ in their last letter would stay neighbours. */
function weightOf(key: string, { deployment: { id } }: Candidate): number {
  let hash = 0x811c9dc5;
  for (const text of [key, '\n', id])
    for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
