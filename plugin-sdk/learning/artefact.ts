/**
 * A learnt router in one file: a JSON header and a block of numbers.
 *
 * `RRA1`, the length of the header (u32, little-endian), the header in UTF-8
 * padded with spaces to four bytes, then 32-bit floats. Nothing in it can run.
 */
import { createHash } from 'node:crypto';
import { RutterError } from '../contract/errors.ts';
import type { FeatureSpace } from './features.ts';

/** What a learner has learnt: plain facts, and numbers by name. */
export interface Learnt {
  readonly facts: Readonly<Record<string, unknown>>;
  readonly blocks: Readonly<Record<string, Float32Array>>;
}

export interface ArtefactHeader {
  readonly format: 1;
  /** Name of the learner that reads it. */
  readonly strategy: string;
  readonly models: readonly string[];
  readonly embedder: string;
  readonly dimensions: number;
  readonly facts: Readonly<Record<string, unknown>>;
  readonly metrics: Readonly<Record<string, number>>;
  /** SHA-256 of the training outcomes. */
  readonly dataHash: string;
  /** SHA-256 of the block of numbers. */
  readonly sha256: string;
  /** Name, and length in numbers, of each part of the block, in order. */
  readonly blocks: readonly (readonly [string, number])[];
}

export interface Artefact {
  readonly header: ArtefactHeader;
  readonly space: FeatureSpace;
  readonly learnt: Learnt;
}

const magic = 'RRA1';
const headBytes = 8;
const mostHeaderBytes = 4 * 1024 * 1024;
const spaceBlocks = ['space.traitMean', 'space.traitScale', 'space.rarity'] as const;

export function writeArtefact(
  about: Pick<ArtefactHeader, 'strategy' | 'models' | 'metrics' | 'dataHash'>,
  space: FeatureSpace,
  learnt: Learnt,
): Buffer {
  const blocks: readonly (readonly [string, Float32Array])[] = [
    ['space.traitMean', space.traitMean],
    ['space.traitScale', space.traitScale],
    ['space.rarity', space.rarity],
    ...Object.entries(learnt.blocks),
  ];
  const numbers = Buffer.concat(
    blocks.map(([, values]) => Buffer.from(values.buffer, values.byteOffset, values.byteLength)),
  );
  const header: ArtefactHeader = {
    format: 1,
    ...about,
    embedder: space.embedder,
    dimensions: space.dimensions,
    facts: learnt.facts,
    sha256: createHash('sha256').update(numbers).digest('hex'),
    blocks: blocks.map(([name, values]) => [name, values.length]),
  };
  const text = Buffer.from(JSON.stringify(header));
  const padded = Buffer.alloc(Math.ceil(text.length / 4) * 4, ' ');
  text.copy(padded);
  const head = Buffer.alloc(headBytes);
  head.write(magic, 'latin1');
  head.writeUInt32LE(padded.length, 4);
  return Buffer.concat([head, padded, numbers]);
}

/** Throws ERR_CONFIG_INVALID with what was found and what was expected. */
export function readArtefact(bytes: Uint8Array, name: string): Artefact {
  const refuse = (found: string, expected: string) =>
    new RutterError('ERR_CONFIG_INVALID', `${name} is no router artefact: found ${found}, expected ${expected}.`);
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (file.length < headBytes || file.toString('latin1', 0, 4) !== magic)
    throw refuse(JSON.stringify(file.toString('latin1', 0, 4)), `"${magic}", as "rutter train" writes it`);
  const headerBytes = file.readUInt32LE(4);
  if (headerBytes > mostHeaderBytes || headBytes + headerBytes > file.length)
    throw refuse(`a header of ${headerBytes} bytes in a file of ${file.length}`, 'a whole header');
  const header = parseHeader(file.toString('utf8', headBytes, headBytes + headerBytes), refuse);
  const numbers = file.subarray(headBytes + headerBytes);
  const count = header.blocks.reduce((sum, [, length]) => sum + length, 0);
  if (numbers.length !== count * 4) throw refuse(`${numbers.length} bytes of numbers`, `${count * 4}`);
  const sha256 = createHash('sha256').update(numbers).digest('hex');
  if (sha256 !== header.sha256) throw refuse(`numbers with SHA-256 ${sha256}`, header.sha256);
  // A copy: the file's own place may not be aligned.
  const values = new Float32Array(count);
  Buffer.from(values.buffer).set(numbers);
  const parts: Record<string, Float32Array> = {};
  let at = 0;
  for (const [part, length] of header.blocks) {
    parts[part] = values.subarray(at, at + length);
    at += length;
  }
  for (const part of spaceBlocks) if (parts[part] === undefined) throw refuse(`no block ${part}`, 'all of its blocks');
  const [traitMean, traitScale, rarity] = spaceBlocks.map((part) => parts[part] as Float32Array);
  return {
    header,
    space: {
      embedder: header.embedder,
      dimensions: header.dimensions,
      traitMean: traitMean as Float32Array,
      traitScale: traitScale as Float32Array,
      rarity: rarity as Float32Array,
    },
    learnt: { facts: header.facts, blocks: parts },
  };
}

function parseHeader(text: string, refuse: (found: string, expected: string) => RutterError): ArtefactHeader {
  let header: Partial<ArtefactHeader>;
  try {
    header = JSON.parse(text) as Partial<ArtefactHeader>;
  } catch {
    throw refuse('a header that is not JSON', 'JSON');
  }
  if (header.format !== 1) throw refuse(`format ${header.format}`, 'format 1');
  const isWhole =
    typeof header.strategy === 'string' &&
    typeof header.embedder === 'string' &&
    typeof header.sha256 === 'string' &&
    Array.isArray(header.models) &&
    Array.isArray(header.blocks) &&
    header.blocks.every((block) => Array.isArray(block) && typeof block[0] === 'string' && isCount(block[1]));
  if (!isWhole) throw refuse('a header with fields missing', 'strategy, models, embedder, sha256 and blocks');
  return header as ArtefactHeader;
}

const isCount = (value: unknown) => Number.isInteger(value) && (value as number) >= 0;
