/** What a call's model means, for who asks: forced models and global aliases first, then the table's own rules. */
import { RutterError } from '@rutter/plugin-sdk';
import type { ModelCall } from './model-call.ts';
import type { Resolved } from './models.ts';

/** Throws ERR_REQUEST_UNKNOWN_MODEL or ERR_REQUEST_FORBIDDEN. Names the group in the facts. */
export function resolveCall(call: ModelCall): Resolved {
  const { models, configuration } = call.path;
  const { principal } = call.facts;
  const { forcedModels, modelAliases } = configuration.kernel.callers;
  const asked = forcedModels[call.operation] ?? call.model;
  const found = models.resolve(modelAliases.get(asked)?.model ?? asked, principal.models);
  if (!found)
    throw new RutterError(
      'ERR_REQUEST_UNKNOWN_MODEL',
      `Invalid model name passed in model=${call.model.slice(0, 128)}. Call /v1/models to see what is offered.`,
      { param: 'model' },
    );
  if (!models.mayAsk(principal.models, call.model, found.group)) {
    const what = found.group.groups ? 'any of the models behind' : 'model';
    throw new RutterError('ERR_REQUEST_FORBIDDEN', `This key may not call ${what} ${call.model.slice(0, 128)}.`, {
      param: 'model',
    });
  }
  call.facts.group = found.group.name;
  return found;
}
