import { describe, expect, it } from 'vitest';
import { error, fails, readTexts, starts, warning } from './testing.ts';

const anchors = 'bcdefgh'
  .split('')
  .map((name, index) => `${name}: &${name} [${Array(10).fill(`*${'abcdefg'[index]}`).join(', ')}]`);
const bomb = ['a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]', ...anchors].join('\n');

const broken = [
  fails('an empty file', '', [error(1, '', 'The file is blank')]),
  fails('a file of comments', '# nothing\n\n# here\n', [error(1, '', 'The file is blank')]),
  fails('a file of white space', '   \n\n', [error(1, '', 'The file is blank')]),
  fails('a bare document mark', '---\n', [error(1, '', 'The file is blank')]),
  fails('a list instead of keys', '- a\n- b\n', [error(1, '', 'does not hold a block of keys')]),
  fails('a single text', 'hello\n', [error(1, '', 'does not hold a block of keys')]),
  fails('a zero byte', 'model_list: []\u0000\n', [error(1, '', 'not a text file')]),
  fails('a file beyond 4 MiB', `# ${'x'.repeat(4 * 1024 * 1024)}\n`, [error(1, '', 'too large')]),
  fails('two documents', 'model_list: []\n---\nmodel_list: []\n', [error(2, '', 'more than one document')]),
  starts('a secret after a forgotten space', 'general_settings: {password:s3cret-1234567890}', [
    warning(1, 'general_settings["password …"]', 'The key "password …" is not known'),
  ]),
  fails('a secret where a colon is missing', 'general_settings:\n  master_key sk-1234567890\n  drain_timeout: 1\n', [
    error(2, 'general_settings', 'a colon is missing'),
  ]),
  starts('a secret as a key', 'general_settings:\n  sk-1234567890: 1', [
    warning(2, 'general_settings["[secret]"]', 'The key "[secret]" is not known'),
  ]),
  fails('a tab as indentation', 'router_settings:\n\tnum_retries: 1\n', [error(2, 'router_settings', 'A tab stands')]),
  fails('a tab after spaces', 'router_settings:\n  num_retries: 1\n  \ttimeout: 3', [
    error(3, 'router_settings.num_retries', 'A tab stands'),
  ]),
  fails('an open quote', 'general_settings:\n  master_key: "sk-1234567890', [
    error(2, 'general_settings.master_key', 'A character is missing'),
  ]),
  fails('an open bracket', 'router_settings:\n  default_fallbacks: [a, b\n  timeout: 3', [
    error(3, 'router_settings', 'not indented'),
  ]),
  fails('two colons on a line', 'router_settings: timeout: 3\n', [error(1, 'router_settings', 'A second colon')]),
  fails('a reserved character', 'general_settings:\n  master_key: @home', [
    error(2, 'general_settings.master_key', 'cannot begin with this character'),
  ]),
  fails('an unknown escape', 'general_settings:\n  litellm_key_header_name: "\\q"', [
    error(2, 'general_settings.litellm_key_header_name', 'escape that YAML does not know'),
  ]),
  fails('a key without a colon', 'router_settings:\n  timeout 3\n  num_retries: 1\n', [
    error(2, 'router_settings', 'more than one line'),
  ]),
  fails('a list as key', '? [a]\n: 1\n', [error(1, '', 'A key is not a text')]),
  fails('a key that stands twice', 'general_settings:\n  drain_timeout: 1s\n  drain_timeout: 2s', [
    error(3, 'general_settings.drain_timeout', 'stands twice; the first is on line 2'),
  ]),
  fails('a block that stands twice', 'model_list: []\nrouter_settings: {}\nmodel_list: []\n', [
    error(3, 'model_list', 'stands twice'),
  ]),
  fails('an alias of nothing', 'router_settings:\n  timeout: *later', [
    error(2, 'router_settings.timeout', 'names an anchor that does not stand before it'),
  ]),
  fails('a master key that begins with an asterisk', 'general_settings:\n  master_key: *hunter2\n', [
    error(2, 'general_settings.master_key', 'names an anchor'),
  ]),
  fails('an alias before its anchor', 'router_settings: *r\nlitellm_settings: &r {}\n', [
    error(1, 'router_settings', 'does not stand before it'),
  ]),
  fails('an alias inside what it names', 'guardrails: &g\n  - a: *g\n', [
    error(2, 'guardrails[0].a', 'stands inside what it names'),
  ]),
  fails('an alias bomb', bomb, [error(6, 'f[2]', 'too many values')]),
  fails('merging what is no block', 'router_settings:\n  <<: 3\n', [
    error(2, 'router_settings["<<"]', 'Only a block can be merged'),
  ]),
  fails('nesting beyond the cap', `guardrails: ${'['.repeat(70)}${']'.repeat(70)}\n`, [
    error(1, 'guardrails[0][0][0][0][0][0][0]', 'nested too deeply'),
  ]),
  fails('nesting beyond any stack', `guardrails: ${'['.repeat(20_000)}\n`, [
    error(1, 'guardrails[0][0][0][0][0][0][0]', 'nested too deeply'),
  ]),
  fails('the key __proto__', '__proto__:\n  polluted: true\n', [error(1, '__proto__', 'refused')]),
  fails(
    'the key constructor, deep inside',
    'model_list:\n  - model_name: a\n    litellm_params:\n      model: openai/a\n      extra_body: {a: {constructor: {b: 1}}}',
    [error(5, 'model_list[0].litellm_params.extra_body.a.constructor', 'refused')],
  ),
  starts('an unknown tag', 'model_list: !mine []\n', [warning(1, 'model_list', 'The tag is not known')]),
];

describe('a file with broken syntax', () => {
  it.each(broken)('is told of: $title', async ({ text, finds, starts: isUsable, environment = {}, others = {} }) => {
    const { configuration, diagnostics } = await readTexts({ 'main.yaml': text, ...others }, { environment });
    const told = diagnostics.map(({ severity, place, message }) => ({
      severity,
      line: place.line,
      path: place.path,
      message,
    }));
    for (const { message, ...find } of finds)
      expect(told).toContainEqual({ ...find, message: expect.stringContaining(message) });
    expect(told).toHaveLength(finds.length);
    expect(configuration !== undefined).toBe(isUsable);
  });

  it.each(broken)(
    'says what was found and expected, and no secret: $title',
    async ({ text, environment = {}, others = {} }) => {
      const { diagnostics } = await readTexts({ 'main.yaml': text, ...others }, { environment });
      for (const { found, expected, place } of diagnostics) {
        expect(found).not.toBe('');
        expect(expected).not.toBe('');
        expect(place.column).toBeGreaterThan(0);
      }
      expect(JSON.stringify(diagnostics)).not.toMatch(/1234567890|hunter2/);
    },
  );
});
