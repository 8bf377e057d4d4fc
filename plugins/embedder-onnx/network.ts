/**
 * The code that runs the network beside the main thread.
 *
 * A plugin is evaluated from one packed text, so there is no file a worker
 * could be started from: it gets the text of the functions below. They may
 * therefore use nothing from outside themselves but each other and Node.
 */

export interface NetworkOptions {
  /** A file in the folder that onnxruntime-node is found from. */
  readonly from: string;
  readonly model: string;
  readonly threads: number;
  readonly pooling: 'mean' | 'cls';
  /** Name of the output to read; the usual names are tried when absent. */
  readonly output: string | undefined;
  /** Pieces of a text to try the network with. */
  readonly probe: readonly number[];
}

/** The first message of a thread. */
export type Opening =
  | { readonly ok: true; readonly dimensions: number; readonly sha256: string }
  | { readonly ok: false; readonly message: string };

/** What a thread says to each text. */
export type Answer =
  | { readonly ok: true; readonly vector: Float32Array }
  | { readonly ok: false; readonly message: string };

/** The parts of onnxruntime-node (https://onnxruntime.ai/docs/api/js/) that are used. */
interface Tensor {
  readonly dims: readonly number[];
  readonly data: ArrayLike<number>;
}
interface Session {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  readonly inputMetadata: readonly { readonly name: string; readonly type?: string }[];
  run(feeds: Readonly<Record<string, unknown>>, fetches: readonly string[]): Promise<Readonly<Record<string, Tensor>>>;
}
interface Runtime {
  readonly InferenceSession: { create(path: string, options: object): Promise<Session> };
  readonly Tensor: new (type: string, data: BigInt64Array | Int32Array, dims: readonly number[]) => Tensor;
}

async function serve(): Promise<void> {
  const { parentPort, workerData } = process.getBuiltinModule('node:worker_threads');
  const options = workerData as NetworkOptions;
  const say = (message: Opening | Answer) =>
    parentPort?.postMessage(message, message.ok && 'vector' in message ? [message.vector.buffer as ArrayBuffer] : []);
  const reason = (error: unknown) => (error instanceof Error ? error.message : String(error));
  try {
    const { createRequire } = process.getBuiltinModule('node:module');
    const runtime = createRequire(options.from)('onnxruntime-node') as Runtime;
    const sha256 = digest(options.model);
    const session = await runtime.InferenceSession.create(options.model, {
      intraOpNumThreads: options.threads,
      interOpNumThreads: 1,
      logSeverityLevel: 3,
    });
    const network = { runtime, session, options };
    const { length } = await vectorOf(network, Int32Array.from(options.probe));
    // One at a time: whoever asks waits for the answer first.
    parentPort?.on('message', (ids: Int32Array) => {
      vectorOf(network, ids).then(
        (vector) => say({ ok: true, vector }),
        (error: unknown) => say({ ok: false, message: reason(error) }),
      );
    });
    say({ ok: true, dimensions: length, sha256 });
  } catch (error) {
    say({ ok: false, message: reason(error) });
  }
}

function digest(path: string): string {
  const { openSync, readSync, closeSync } = process.getBuiltinModule('node:fs');
  const hash = process.getBuiltinModule('node:crypto').createHash('sha256');
  const file = openSync(path, 'r');
  try {
    const piece = Buffer.alloc(1024 * 1024);
    for (let read = readSync(file, piece); read > 0; read = readSync(file, piece)) hash.update(piece.subarray(0, read));
    return hash.digest('hex');
  } finally {
    closeSync(file);
  }
}

interface LoadedNetwork {
  readonly runtime: Runtime;
  readonly session: Session;
  readonly options: NetworkOptions;
}

/** What BERT-like networks are fed: ids, which of them count, and that all are of the first sentence. */
function feedsOf({ runtime, session }: LoadedNetwork, ids: Int32Array): Record<string, unknown> {
  const values: Record<string, (id: number) => number> = {
    ...{ input_ids: (id) => id, attention_mask: () => 1, token_type_ids: () => 0 },
  };
  const feeds: Record<string, unknown> = {};
  session.inputNames.forEach((name, place) => {
    const numberOf = values[name];
    if (numberOf === undefined)
      throw new Error(`the network wants an input ${name}; expected ${Object.keys(values).join(', ')}`);
    const isNarrow = session.inputMetadata[place]?.type === 'int32';
    const data = isNarrow ? ids.map(numberOf) : BigInt64Array.from(ids, (id) => BigInt(numberOf(id)));
    feeds[name] = new runtime.Tensor(isNarrow ? 'int32' : 'int64', data, [1, ids.length]);
  });
  return feeds;
}

async function vectorOf(network: LoadedNetwork, ids: Int32Array): Promise<Float32Array> {
  const { session, options } = network;
  const usual = ['sentence_embedding', 'last_hidden_state', 'token_embeddings'];
  const wanted = options.output ?? usual.find((name) => session.outputNames.includes(name)) ?? session.outputNames[0];
  if (wanted === undefined || !session.outputNames.includes(wanted))
    throw new Error(`the network has no output ${wanted}; found ${session.outputNames.join(', ')}`);
  const { [wanted]: output } = await session.run(feedsOf(network, ids), [wanted]);
  return pooled(output as Tensor, options.pooling);
}

/** One vector of unit length: of the tokens' mean, of the first token, or what the network has pooled itself. */
function pooled({ dims, data }: Tensor, pooling: 'mean' | 'cls'): Float32Array {
  const width = dims.at(-1) ?? 0;
  const rows = dims.length === 3 && pooling === 'mean' ? (dims[1] as number) : 1;
  if (dims[0] !== 1 || width === 0 || dims.length < 2 || dims.length > 3)
    throw new Error(`the network gave numbers of the shape ${dims.join(' x ')}; expected 1 x tokens x width`);
  const sum = new Float64Array(width);
  for (let row = 0, from = 0; row < rows; row++)
    for (let at = 0; at < width; at++, from++) sum[at] = (sum[at] as number) + (data[from] as number);
  let square = 0;
  for (let at = 0; at < width; at++) square += (sum[at] as number) ** 2;
  const norm = square > 0 ? 1 / Math.sqrt(square) : 0;
  const vector = new Float32Array(width);
  for (let at = 0; at < width; at++) vector[at] = (sum[at] as number) * norm;
  if (!vector.every(Number.isFinite)) throw new Error('the network gave numbers that are not finite');
  return vector;
}

// Bundlers that keep names wrap functions in a call of `__name`, which a thread has to know.
const parts = [digest, feedsOf, vectorOf, pooled];
export const networkSource = `const __name = (value) => value;\n${parts.join('\n')}\nvoid (${serve})();`;
