/** Whether a list of model groups, with `*` at the end of a pattern, allows a name; an empty list allows all. */
export const mayCall = (models: readonly string[], name: string): boolean =>
  models.length === 0 ||
  models.some((model) => model === name || (model.endsWith('*') && name.startsWith(model.slice(0, -1))));
