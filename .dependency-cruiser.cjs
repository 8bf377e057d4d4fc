/** The arrows between our packages, as rules. A finding fails the run. */
const ours = '^(core|plugin-sdk|plugins|strategies|examples|docker|test)/';

const forbid = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to });

module.exports = {
  forbidden: [
    // Types that name each other have no order to load in; only a circle of code has.
    forbid(
      'no-circular',
      'A circle has no first part to load or to test.',
      {},
      { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    ),
    forbid('no-unresolvable', 'An import that leads nowhere escapes every other rule.', {}, { couldNotResolve: true }),
    forbid(
      'plugin-imports-sdk-only',
      'A plugin imports plugin-sdk and nothing else of ours: never core, never another plugin.',
      { path: '^(plugins|strategies)/([^/]+)/' },
      { path: ours, pathNot: ['^plugin-sdk/', '^$1/$2/'] },
    ),
    forbid(
      'core-imports-sdk-only',
      'The kernel knows kinds of plugin, never one of them.',
      { path: '^core/' },
      { path: ours, pathNot: '^(core|plugin-sdk)/' },
    ),
    forbid(
      'sdk-imports-nothing-of-ours',
      'The contract depends on neither side of it.',
      { path: '^plugin-sdk/' },
      { path: ours, pathNot: '^plugin-sdk/' },
    ),
    forbid(
      'koa-stays-in-http',
      "Koa's context stops at core/http.",
      { pathNot: '^core/http/' },
      { path: 'node_modules/(@types/)?(koa|@koa/router)/' },
    ),
    forbid('tapable-stays-in-core', 'Only the kernel taps.', { pathNot: '^core/' }, { path: 'node_modules/tapable/' }),
    forbid(
      'examples-stand-outside',
      'Examples and images use the command and packed packages, as a user would.',
      { path: '^(examples|docker)/' },
      { path: ours, pathNot: ['^(examples|docker)/', '^plugin-sdk/'] },
    ),
    forbid(
      'examples-name-the-sdk',
      'A path into plugin-sdk is not what a user has; its package name is.',
      { path: '^(examples|docker)/' },
      { path: '^plugin-sdk/', dependencyTypes: ['local'], dependencyTypesNot: ['aliased-workspace'] },
    ),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(core|plugin-sdk|(plugins|strategies)/[^/]+)/dist/|^(coverage|reports|\\.stryker-tmp)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['@rutter/source', 'import', 'node', 'types', 'default'],
      extensions: ['.ts', '.mjs', '.cjs', '.js', '.json', '.d.ts'],
    },
  },
};
