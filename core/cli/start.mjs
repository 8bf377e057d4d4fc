/** `npm start`: installs and builds what is missing, then serves under the right Node. */
import { join } from 'node:path';
import { endLike, endWithScript, requireNode, run } from './launch.mjs';
import { prepare, root } from './prepare.mjs';

endWithScript();
await prepare();
const script = join(root, 'core', 'cli', 'rutter.mjs');
endLike(await run(requireNode(root), [script, 'serve', ...process.argv.slice(2)], { alone: true }));
