/** What Ollama says, in the shapes of its documents. */

export const counts = {
  total_duration: 5,
  load_duration: 1,
  prompt_eval_count: 26,
  prompt_eval_duration: 2,
  eval_count: 9,
  eval_duration: 2,
};
export const at = (second: number) => ({ model: 'qwen3', created_at: `2025-07-07T20:22:${10 + second}.184789Z` });
export const reply = (message: object, reason = 'stop', more: object = {}) => ({
  body: {
    ...at(0),
    message: { role: 'assistant', content: '', ...message },
    done: true,
    done_reason: reason,
    ...counts,
    ...more,
  },
});
export const lines = (...pieces: readonly object[]) =>
  pieces.map((piece, index) => `${JSON.stringify({ ...at(index), ...piece })}\n`);
export const said = (message: object) => ({ message: { role: 'assistant', content: '', ...message }, done: false });
export const last = (reason = 'stop') => ({
  message: { role: 'assistant', content: '' },
  done: true,
  done_reason: reason,
  ...counts,
});
export const hello = [{ role: 'user', content: 'Hello.' }];
export const pixel = 'iVBORw0KGgo=';
