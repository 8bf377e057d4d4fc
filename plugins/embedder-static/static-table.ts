/** The table of token vectors: format RSE1, little-endian; see the README. */
import { RutterError } from '@rutter/plugin-sdk';

export interface StaticTable {
  readonly rows: number;
  readonly dimensions: number;
  /** The token id of the first row. */
  readonly firstId: number;
  readonly mostTokens: number;
  readonly scales: Float32Array;
  readonly values: Int8Array;
}

const headBytes = 32;

/** Throws ERR_CONFIG_INVALID with what was found and expected. */
export function readTable(bytes: Uint8Array, name: string): StaticTable {
  const refuse = (found: string, expected: string) =>
    new RutterError(
      'ERR_CONFIG_INVALID',
      `${name} is no table of token vectors: found ${found}, expected ${expected}.`,
    );
  if (bytes.length < headBytes) throw refuse(`${bytes.length} bytes`, `at least ${headBytes}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = String.fromCharCode(...bytes.subarray(0, 4));
  if (magic !== 'RSE1') throw refuse(JSON.stringify(magic), '"RSE1"');
  const version = view.getUint32(4, true);
  if (version !== 1) throw refuse(`version ${version}`, 'version 1');
  const rows = view.getUint32(8, true);
  const dimensions = view.getUint32(12, true);
  const length = headBytes + rows * (4 + dimensions);
  if (bytes.length !== length) throw refuse(`${bytes.length} bytes`, `${length} for ${rows} rows of ${dimensions}`);
  const scales = new Float32Array(rows);
  for (let row = 0; row < rows; row++) scales[row] = view.getFloat32(headBytes + 4 * row, true);
  return {
    rows,
    dimensions,
    firstId: view.getUint32(16, true),
    mostTokens: view.getUint32(20, true),
    scales,
    values: new Int8Array(bytes.buffer, bytes.byteOffset + headBytes + 4 * rows, rows * dimensions),
  };
}

/** The sum of the tokens' vectors, to unit length; the zero vector where no token is known. */
export function pool(table: StaticTable, ids: readonly number[]): Float32Array {
  const { dimensions, rows, firstId, scales, values } = table;
  const sum = new Float64Array(dimensions);
  let count = 0;
  for (const id of ids) {
    const row = id - firstId;
    if (row < 0 || row >= rows) continue;
    if (count++ === table.mostTokens) break;
    const scale = scales[row] as number;
    for (let at = 0, from = row * dimensions; at < dimensions; at++)
      sum[at] = (sum[at] as number) + scale * (values[from + at] as number);
  }
  let square = 0;
  for (let at = 0; at < dimensions; at++) square += (sum[at] as number) ** 2;
  const norm = square === 0 ? 0 : 1 / Math.sqrt(square);
  // A loop: `from` with a function goes through an iterator, which costs more than all of the sum.
  const unit = new Float32Array(dimensions);
  for (let at = 0; at < dimensions; at++) unit[at] = (sum[at] as number) * norm;
  return unit;
}
