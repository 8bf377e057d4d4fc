/** `npm test`: installs and builds what is missing, servers too where it may, then runs the tests under the right Node. */
import { join } from 'node:path';
import { endLike, requireNode, run } from './launch.mjs';
import { prepare, root } from './prepare.mjs';
import { installServers } from './servers.mjs';

await prepare();
installServers();
const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
endLike(await run(requireNode(root), [vitest, 'run', ...process.argv.slice(2)], { cwd: root }));
