/** What a reply rests on, as the annotations that OpenAI's clients read. */
import { defined, isArray, isFilled, isNumber, isObject, type JsonObject } from '../values.ts';

/** https://ai.google.dev/gemini-api/docs/google-search: `segment` counts bytes of UTF-8, annotations count characters. */
export function readGrounding(found: unknown, text: string): JsonObject[] {
  if (!isObject(found) || !isArray(found.groundingChunks) || !isArray(found.groundingSupports)) return [];
  const bytes = Buffer.from(text, 'utf8');
  const characters = (count: unknown) => (isNumber(count) ? bytes.toString('utf8', 0, Math.max(0, count)).length : 0);
  const { groundingChunks: chunks } = found;
  return found.groundingSupports.filter(isObject).flatMap(({ segment, groundingChunkIndices: indices }) => {
    if (!isObject(segment) || !isArray(indices)) return [];
    const range = { start_index: characters(segment.startIndex), end_index: characters(segment.endIndex) };
    return indices.flatMap((index) => citation(isNumber(index) ? chunks[index] : undefined, range));
  });
}

function citation(chunk: unknown, range: JsonObject): JsonObject[] {
  const source = isObject(chunk) ? (chunk.web ?? chunk.retrievedContext ?? chunk.maps) : undefined;
  if (!isObject(source) || !isFilled(source.uri)) return [];
  const title = isFilled(source.title) ? source.title : undefined;
  return [{ type: 'url_citation', url_citation: defined({ ...range, url: source.uri, title }) }];
}
