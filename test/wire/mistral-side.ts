/** What Mistral says, in the shapes of its documents. */

export const usage = { prompt_tokens: 20, completion_tokens: 9, total_tokens: 29 };
export const reply = (message: object, finish = 'stop', more: object = {}) => ({
  body: {
    id: 'cmpl-e5cc70bb28c444948073e77776eb30ef',
    object: 'chat.completion',
    model: 'mistral-small-latest',
    created: 1_702_256_327,
    choices: [{ index: 0, message: { role: 'assistant', prefix: false, ...message }, finish_reason: finish }],
    usage,
    ...more,
  },
});
export const chunk = (delta: object, finish: string | null = null, more: object = {}) => ({
  id: 'cmpl-1',
  object: 'chat.completion.chunk',
  created: 1_702_256_327,
  model: 'magistral-medium-latest',
  choices: [{ index: 0, delta, finish_reason: finish }],
  ...more,
});
export const hello = [{ role: 'user', content: 'Hello.' }];
