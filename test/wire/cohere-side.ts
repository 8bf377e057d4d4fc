/** What Cohere says, in the shapes of its documents. */

export const usage = {
  billed_units: { input_tokens: 17, output_tokens: 12 },
  tokens: { input_tokens: 215, output_tokens: 12 },
};
export const told = { prompt_tokens: 17, completion_tokens: 12, total_tokens: 29 };
export const text = (words: string) => [{ type: 'text', text: words }];
export const reply = (message: object, finish = 'COMPLETE', more: object = {}) => ({
  body: { id: 'c14c80c3', message: { role: 'assistant', ...message }, finish_reason: finish, usage, ...more },
});
export const events = (...all: readonly (readonly [string, object])[]) =>
  all.map(([type, rest]) => `event: ${type}\ndata: ${JSON.stringify({ type, ...rest })}\n\n`);
export const said = (message: object, index?: number) => ({
  ...(index !== undefined && { index }),
  delta: { message },
});
export const hello = [{ role: 'user', content: 'Hello.' }];
