/**
 * The guest's side of the border, bundled into one text and evaluated in the
 * isolate ahead of the plugin: the SDK, the host, and the way calls come in.
 *
 * It is at the plugin's mercy, since they share an isolate: whatever it
 * answers is checked again on the other side.
 */
import * as sdk from '@rutter/plugin-sdk';
import * as routing from '@rutter/plugin-sdk/routing';
import { createDispatch } from './dispatch.ts';
import { guestHost } from './host.ts';

// What could be used to burn time or memory that V8's own limits do not see.
for (const name of ['WebAssembly', 'SharedArrayBuffer', 'Atomics']) Reflect.deleteProperty(globalThis, name);

const modules: Readonly<Record<string, unknown>> = {
  '@rutter/plugin-sdk': sdk,
  '@rutter/plugin-sdk/routing': routing,
};
const fileNames = ['exports', 'require', 'module', '__filename', '__dirname', '__url'];

function require(name: string): unknown {
  if (Object.hasOwn(modules, name)) return modules[name];
  throw new sdk.RutterError('ERR_PLUGIN_INVALID', `There is no "${name}" in the sandbox.`);
}

function evaluate(text: string): unknown {
  const module: { exports: { default?: unknown } } = { exports: {} };
  // The isolate is the border; inside it the text is as any other.
  const run = new Function(...fileNames, `${text}\n//# sourceURL=plugin.cjs`);
  run(module.exports, require, module, 'plugin', '', 'plugin:');
  return module.exports.default;
}

export function start(tell: (text: string) => boolean): (text: string) => string | Promise<string> {
  return createDispatch({ tell, evaluate, makeHost: (ask) => (given, time) => guestHost(given, { time, ask }) });
}
