/**
 * Loaded ahead of a plugin's own tests (`node --import`): gives them this SDK
 * by its name, wherever the plugin lies and whether or not one is installed there.
 */
import { registerHooks } from 'node:module';
import { pathToFileURL } from 'node:url';
import { sdkModule } from './sdk.ts';

registerHooks({
  resolve(specifier, context, next) {
    const file = sdkModule(specifier);
    return file === undefined ? next(specifier, context) : next(pathToFileURL(file).href, context);
  },
});
