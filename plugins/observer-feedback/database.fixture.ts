/** A store on SQLite in memory, for the tests of this package: real SQL, and a state that tells only this process. */
import { DatabaseSync } from 'node:sqlite';
import type { State, Store } from '@rutter/plugin-sdk';

export function memoryStore(): Store {
  const database = new DatabaseSync(':memory:');
  return {
    flavour: 'sqlite',
    migrate: async (_namespace, migrations) => {
      for (const { sql } of migrations) database.exec(sql);
    },
    query: async (sql, values = []) => database.prepare(sql).all(...values) as never,
    run: async (sql, values = []) => ({ changes: Number(database.prepare(sql).run(...values).changes) }),
    append(table, columns, values) {
      database
        .prepare(`INSERT INTO ${table} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`)
        .run(...values);
      return true;
    },
    flush: async () => {},
  };
}

export function localState(): Pick<State, 'publish' | 'subscribe'> {
  const listeners = new Set<(message: string) => void>();
  return {
    publish: async (_channel, message) => {
      for (const listener of listeners) listener(message);
    },
    subscribe: async (_channel, listener) => {
      listeners.add(listener);
      return async () => void listeners.delete(listener);
    },
  };
}
