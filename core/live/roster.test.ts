import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Roster, Rostered } from './roster.ts';

class Member extends Rostered {}

it('holds the same members as a set, whatever comes and goes', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(7)), { maxLength: 200 }), (steps) => {
      const members = Array.from({ length: 8 }, () => new Member());
      const roster = new Roster<Member>();
      const set = new Set<Member>();
      for (const [isComing, index] of steps) {
        const member = members[index] as Member;
        if (isComing) roster.add(member);
        else roster.delete(member);
        if (isComing) set.add(member);
        else set.delete(member);
        expect(roster.size).toBe(set.size);
      }
      expect(new Set(roster)).toEqual(set);
      expect([...roster]).toHaveLength(set.size);
    }),
  );
});

it('passes over members that leave while it is walked', () => {
  const [first, second, third] = [new Member(), new Member(), new Member()];
  const roster = new Roster<Member>();
  for (const member of [first, second, third]) roster.add(member);
  const seen: Member[] = [];
  for (const member of roster) {
    seen.push(member);
    roster.delete(second);
  }
  expect(seen).toEqual([first, third]);
});
