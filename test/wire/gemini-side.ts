/**
 * Google's end of the wire: replies in the shape of generateContent, and a
 * reading of requests that refuses what the API refuses.
 */
import { sendEvents, sendJson, type VendorHandler } from '../support/index.ts';
import { type Fields, fieldsOf, listOf, piecesOf, type Tokens, type Truth } from './truth.ts';

export const signature = 'c2lnbmVkIGJ5IEdvb2dsZS8rLys=';

const finishReasons = { stop: 'STOP', length: 'MAX_TOKENS', tool_calls: 'STOP', content_filter: 'SAFETY' } as const;

/** Google counts cached content inside the prompt, and thoughts beside the candidates. */
const geminiUsage = ({ prompt, completion, cached, reasoning }: Tokens) => ({
  promptTokenCount: prompt,
  candidatesTokenCount: completion - reasoning,
  totalTokenCount: prompt + completion,
  ...(cached > 0 && { cachedContentTokenCount: cached }),
  ...(reasoning > 0 && { thoughtsTokenCount: reasoning }),
});

const envelope = (model: string) => ({ modelVersion: model, responseId: 'mAitaLmkHPPlz7IPvtfUqQ4' });
const content = (parts: readonly object[]) => ({ role: 'model', parts });

const callParts = ({ calls = [], signature: signed = signature }: Truth) =>
  calls.map(({ name, input }, index) => ({
    functionCall: { name, args: input },
    // Of parallel calls the first is signed.
    ...(index === 0 && { thoughtSignature: signed }),
  }));

/** Without calls it is the last text that is signed. */
const signedText = ({ calls = [], signature: signed }: Truth) =>
  signed !== undefined && calls.length === 0 ? { thoughtSignature: signed } : {};

export const geminiWhole = (truth: Truth, model: string) => ({
  candidates: [
    {
      content: content([
        ...(truth.reasoning === undefined ? [] : [{ text: truth.reasoning, thought: true }]),
        ...(truth.text === undefined ? [] : [{ text: truth.text, ...signedText(truth) }]),
        ...callParts(truth),
      ]),
      finishReason: finishReasons[truth.finish],
      index: 0,
    },
  ],
  usageMetadata: geminiUsage(truth.tokens),
  ...envelope(model),
});

const event = (payload: object) => `data: ${JSON.stringify(payload)}\r\n\r\n`;

/** Counts grow with each event; the last has the reason. */
export function* geminiEvents(truth: Truth, model: string): Generator<string> {
  const pieces = [
    ...piecesOf(truth.reasoning ?? '').map((text) => ({ text, thought: true })),
    ...piecesOf(truth.text ?? '').map((text) => ({ text })),
    ...callParts(truth),
  ];
  const { promptTokenCount } = geminiUsage(truth.tokens);
  for (const part of pieces)
    yield event({
      candidates: [{ content: content([part]), index: 0 }],
      usageMetadata: { promptTokenCount, totalTokenCount: promptTokenCount },
      ...envelope(model),
    });
  yield event({
    candidates: [
      { content: content([{ text: '', ...signedText(truth) }]), finishReason: finishReasons[truth.finish], index: 0 },
    ],
    usageMetadata: geminiUsage(truth.tokens),
    ...envelope(model),
  });
}

export const googleError = (code: number, status: string, message: string, details?: readonly object[]) => ({
  error: { code, message, status, ...(details && { details }) },
});

/** Fields of a body, in both spellings that Google reads. */
const bodyFields = new Set(
  'contents systemInstruction tools toolConfig generationConfig safetySettings cachedContent labels'.split(' '),
);
const generationFields = new Set(
  `stopSequences responseMimeType responseSchema responseJsonSchema responseModalities candidateCount maxOutputTokens
   temperature topP topK seed presencePenalty frequencyPenalty responseLogprobs logprobs thinkingConfig speechConfig
   imageConfig mediaResolution`.split(/\s+/),
);
const schemaFields = new Set(
  `type format title description nullable enum maxItems minItems properties required minProperties maxProperties
   minLength maxLength pattern example anyOf propertyOrdering default items minimum maximum`.split(/\s+/),
);
const partFields = new Set(
  'text thought thoughtSignature inlineData fileData functionCall functionResponse videoMetadata'.split(' '),
);

const camel = (name: string) => name.replace(/_([a-z])/g, (_all, letter: string) => letter.toUpperCase());

/** The members by their names in camel case. */
export const spelled = (value: unknown): Fields =>
  Object.fromEntries(Object.entries(fieldsOf(value ?? {})).map(([name, member]) => [camel(name), member]));

function unknownIn(value: unknown, known: ReadonlySet<string>, where: string): string[] {
  return Object.keys(spelled(value))
    .filter((name) => !known.has(name))
    .map((name) => `Unknown name "${name}" at '${where}': Cannot find field.`);
}

function schemaFaults(schema: unknown, where: string): string[] {
  const fields = fieldsOf(schema);
  const faults = unknownIn(schema, schemaFields, where);
  if (fields.anyOf !== undefined && Object.keys(fields).length > 1)
    faults.push(`${where} specified other fields alongside any_of.`);
  if (fields.anyOf === undefined && typeof fields.type !== 'string') faults.push(`${where}.type must be specified.`);
  if (fields.enum !== undefined && fields.type !== 'string') faults.push(`${where}.enum: only allowed for STRING type`);
  if (fields.type === 'array' && fields.items === undefined) faults.push(`${where}.items: missing field.`);
  const properties = fieldsOf(fields.properties ?? {});
  for (const name of (fields.required ?? []) as string[])
    if (!Object.hasOwn(properties, name)) faults.push(`${where}.required: property ${name} is not defined`);
  for (const [name, inner] of Object.entries(properties)) faults.push(...schemaFaults(inner, `${where}.${name}`));
  for (const inner of listOf(fields.anyOf)) faults.push(...schemaFaults(inner, `${where}.any_of`));
  if (fields.items !== undefined) faults.push(...schemaFaults(fields.items, `${where}.items`));
  return faults;
}

const partsOf = (turn: Fields | undefined) => listOf(turn?.parts).map(spelled);
const count = (turn: Fields | undefined, name: string) =>
  partsOf(turn).filter((part) => part[name] !== undefined).length;

function turnFaults(turns: readonly Fields[], isSigned: boolean): string[] {
  const faults: string[] = [];
  if (turns.length === 0) faults.push('* GenerateContentRequest.contents: contents is not specified');
  for (const [index, turn] of turns.entries()) {
    if (turn.role !== 'user' && turn.role !== 'model') faults.push('Please use a valid role: user, model.');
    const parts = partsOf(turn);
    if (parts.length === 0) faults.push(`contents[${index}].parts must not be empty.`);
    for (const part of parts) faults.push(...unknownIn(part, partFields, `contents[${index}].parts`));
    const calls = count(turn, 'functionCall');
    if (calls > 0 && turns[index - 1]?.role !== 'user')
      faults.push('Please ensure that function call turn comes immediately after a user turn.');
    if (calls > 0 && count(turns[index + 1], 'functionResponse') !== calls)
      faults.push(
        'Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.',
      );
    const first = parts.find((part) => part.functionCall !== undefined);
    if (isSigned && first && first.thoughtSignature === undefined)
      faults.push('Function call is missing a thought_signature in functionCall parts.');
  }
  return faults;
}

/** What the API finds wrong in a body; each is what a caller would read in a 400. */
export function faultsOf(found: Fields, model: string): string[] {
  const body = spelled(found);
  const faults = unknownIn(body, bodyFields, 'request');
  faults.push(...unknownIn(body.generationConfig, generationFields, 'generation_config'));
  for (const tool of listOf(body.tools).map(spelled))
    for (const declared of listOf(tool.functionDeclarations))
      if (declared.parameters !== undefined) faults.push(...schemaFaults(declared.parameters, String(declared.name)));
  return [...faults, ...turnFaults(listOf(body.contents), /^gemini-3/.test(model))];
}

/** The method and the model of a path such as `/v1beta/models/NAME:generateContent?alt=sse`. */
export function calledBy(path: string): { readonly model: string; readonly method: string; readonly query: string } {
  const [, model = '', method = '', query = ''] = /\/([^/]+):(\w+)(?:\?(.*))?$/.exec(path) ?? [];
  return { model: decodeURIComponent(model), method, query };
}

export type TruthOf = (model: string, body: Fields) => Truth | undefined;

/** Speaks generateContent; refuses what the API refuses, and answers an unknown model 404. */
export const geminiSpeaker =
  (truthOf: TruthOf): VendorHandler =>
  ({ request, response }) => {
    const { model, method, query } = calledBy(request.path);
    const body = request.json ?? {};
    const truth = truthOf(model, body);
    if (truth === undefined)
      return sendJson(response, 404, googleError(404, 'NOT_FOUND', `models/${model} is not found.`));
    const faults = faultsOf(body, model);
    if (faults.length > 0) return sendJson(response, 400, googleError(400, 'INVALID_ARGUMENT', faults.join('\n')));
    if (method === 'generateContent') return sendJson(response, 200, geminiWhole(truth, model));
    if (method === 'streamGenerateContent' && query === 'alt=sse')
      return sendEvents(response, geminiEvents(truth, model), {});
    return sendJson(response, 404, googleError(404, 'NOT_FOUND', `no ${method} with ${query}`));
  };

/** The contents of a body, part by part, in camel case. */
export const contentsOf = (body: Fields) =>
  listOf(spelled(body).contents).map((turn) => ({ role: turn.role, parts: partsOf(turn) }));
