/**
 * Who is under way, for members that come and go thousands of times a second.
 *
 * A Set would do the same at a price: each time its table fills up with
 * deleted places it makes a new one, and the old one, itself garbage, keeps
 * the members it last held from the young collection. Nearly every request
 * was carried into the old generation that way, which cost a fifth of the
 * processor.
 */

const absent = -1;

/** A member knows its place; it is on one roster at a time. */
export abstract class Rostered {
  place = absent;
}

export class Roster<T extends Rostered> implements Iterable<T> {
  readonly #members: (T | undefined)[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(member: T): void {
    if (this.#members[member.place] === member) return;
    member.place = this.#size;
    this.#members[this.#size++] = member;
  }

  /** Puts the last member in the place of the one that leaves. */
  delete(member: T): void {
    if (this.#members[member.place] !== member) return;
    const last = this.#members[--this.#size] as T;
    this.#members[member.place] = last;
    last.place = member.place;
    this.#members[this.#size] = undefined;
    member.place = absent;
  }

  /** Those there when the iteration began; members may leave meanwhile. */
  *[Symbol.iterator](): Iterator<T> {
    for (const member of this.#members.slice(0, this.#size))
      if (member !== undefined && member.place !== absent) yield member;
  }
}
