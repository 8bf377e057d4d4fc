/** The words by which a fine-tuned model is asked for a label: the same when it is trained as when it serves. */

/** The system message; `labels` are pairs of a label and the model it stands for. */
export const labelInstructions = (labels: readonly (readonly [string, string])[]): string =>
  [
    'Choose the model that answers the query best. Reply with its label alone.',
    ...labels.map(([label, name]) => `${label}: ${name}`),
  ].join('\n');

/** The user's message. */
export const labelQuestion = (words: string): string => `<query>\n${words}\n</query>\nLabel:`;
