/**
 * The program of a sandbox child: isolates on this side, the gateway on the
 * other side of two pipes. It has no environment, no files and no rights.
 *
 * Invariant: this thread never runs a guest's code, so that it always answers;
 * when the gateway is gone, so is it.
 */
import { writeSync } from 'node:fs';
import type ivm from 'isolated-vm';
import { Cell } from './cell.ts';
import { type Frame, FrameReader, writeFrame } from './frames.ts';

/** Calls of one cell that the gateway has not answered yet. */
const mostAsks = 64;
const mostAskCharacters = 256 * 1024;

const [addon = '', mostBytes = ''] = process.argv.slice(2);
const native: { exports: { ivm?: typeof ivm } } = { exports: {} };
process.dlopen(native, addon);
const engine = native.exports.ivm as typeof ivm;

interface Held {
  readonly cell: Cell;
  asking: number;
}

const cells = new Map<number, Held>();
let guest = '';

const end = () => process.kill(process.pid, 'SIGKILL');
const send = (header: object, payload?: string) => process.stdout.write(writeFrame(header, payload));

process.stdout.on('error', end);
process.stdin.on('end', end);
process.stdin.on('error', end);
const reader = new FrameReader(Number(mostBytes), take);
process.stdin.on('data', (chunk: Buffer) => reader.push(chunk));

function take({ header, payload }: Frame): void {
  const number = Number(header.cell);
  const held = cells.get(number);
  switch (header.t) {
    case 'guest':
      guest = payload;
      return;
    case 'open':
      void open(number, Number(header.memoryMb));
      return;
    case 'call':
      if (held) void call(held, header, payload);
      return;
    case 'answer':
      if (!held) return;
      held.asking -= 1;
      // What goes on in the guest after it is bounded like the call it belongs to.
      void held.cell.call(payload, Number(header.ms), 16).then(() => tellIfGone(number, held));
      return;
    case 'close':
      cells.delete(number);
      held?.cell.close();
  }
}

async function open(number: number, memoryMb: number): Promise<void> {
  const held: Held = {
    asking: 0,
    cell: new Cell(engine, {
      memoryMb,
      guest,
      onAsk: (text) => ask(number, held, text),
      onCatastrophe: () => {
        // The isolate's thread never returns from here; say who it was, and go.
        writeSync(1, writeFrame({ t: 'gone', cell: number, isCatastrophe: true }));
        end();
      },
    }),
  };
  cells.set(number, held);
  try {
    await held.cell.start();
    send({ t: 'opened', cell: number });
  } catch {
    tellGone(number, held);
  }
}

async function call(held: Held, { cell, id, ms, most }: Frame['header'], payload: string): Promise<void> {
  const answer = await held.cell.call(payload, Number(ms), Number(most));
  if ('text' in answer) send({ t: 'done', cell, id }, answer.text);
  else send({ t: 'fell', cell, id, fall: answer.fall });
  tellIfGone(Number(cell), held);
}

function ask(number: number, held: Held, text: string): boolean {
  if (held.asking >= mostAsks || text.length > mostAskCharacters) return false;
  held.asking += 1;
  send({ t: 'ask', cell: number }, text);
  return true;
}

function tellIfGone(number: number, held: Held): void {
  if (held.cell.isGone) tellGone(number, held);
}

function tellGone(number: number, held: Held): void {
  if (cells.get(number) !== held) return;
  cells.delete(number);
  held.cell.close();
  send({ t: 'gone', cell: number });
}
