/**
 * Names that stand for several model groups: those of `model_group_lists`, and
 * `auto` for all that a caller may use. The deployments of all of them are the
 * candidates of one choice.
 */
import { mayCall } from './may-call.ts';
import type { Group } from './models.ts';

/** The list that is there unless something else has the name. */
export const autoName = 'auto';

/** Groups made of lists that are kept, one for each set of rights; the oldest goes first. */
const mostKept = 1000;

export interface GroupListParts {
  readonly lists: ReadonlyMap<string, readonly string[]>;
  /** Groups that have deployments, in configured order. */
  readonly groups: ReadonlyMap<string, Group>;
  /** Whether a list of models, or of access groups, allows a name. */
  mayCall(models: readonly string[], name: string): boolean;
}

export class GroupLists {
  readonly #parts: GroupListParts;
  readonly #kept = new Map<string, Group>();

  constructor(parts: GroupListParts) {
    this.#parts = parts;
  }

  get names(): readonly string[] {
    return [...this.#parts.lists.keys()];
  }

  has(name: string): boolean {
    return this.#parts.lists.has(name);
  }

  /**
   * What the name stands for, for whoever may call `models`, all when undefined: empty where it may use none of them.
   * A list that a key names opens what the list itself names, as an alias does; patterns open nothing.
   */
  group(name: string, models: readonly string[] | undefined): Group {
    const key = `${name}\n${models?.join('\n') ?? ''}`;
    const kept = this.#kept.get(key);
    if (kept) return kept;
    if (this.#kept.size >= mostKept) this.#kept.delete(this.#kept.keys().next().value as string);
    const made = this.#made(name, models);
    this.#kept.set(key, made);
    return made;
  }

  #made(name: string, models: readonly string[] | undefined): Group {
    const { lists, groups, mayCall: isAllowed } = this.#parts;
    const list = lists.get(name) ?? ['*'];
    const isOpen = models === undefined || isAllowed(models, name);
    const found = [...groups.values()].filter((group) => {
      if (!mayCall(list, group.name) || list.length === 0) return false;
      return (isOpen && list.includes(group.name)) || models === undefined || isAllowed(models, group.name);
    });
    // In the order of the list, then in configured order: equals go to whoever stands first.
    const rank = (group: Group) => list.findIndex((one) => mayCall([one], group.name));
    found.sort((a, b) => rank(a) - rank(b));
    return {
      name,
      targets: found.flatMap(({ targets }) => targets),
      isHidden: !lists.has(name),
      groups: found.map((group) => group.name),
    };
  }
}
