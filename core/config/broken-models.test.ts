import { describe, expect, it } from 'vitest';
import { error, fails, readTexts, starts, warning } from './testing.ts';

const broken = [
  starts('an entry that is a text', 'model_list:\n  - gpt-4\n', [
    warning(2, 'model_list[0]', 'not a block. The deployment is skipped'),
  ]),
  starts('an entry without a name', 'model_list:\n  - litellm_params: {model: openai/a}\n', [
    warning(2, 'model_list[0]', 'no "model_name"'),
  ]),
  starts('an entry without parameters', 'model_list:\n  - model_name: a\n', [
    warning(2, 'model_list[0]', 'no "litellm_params"'),
  ]),
  starts('parameters without a value', 'model_list:\n  - model_name: a\n    litellm_params:\n', [
    warning(3, 'model_list[0].litellm_params', 'without a value. The deployment is skipped'),
  ]),
  starts('an entry without a model', 'model_list:\n  - model_name: a\n    litellm_params: {rpm: 3}\n', [
    warning(3, 'model_list[0].litellm_params', 'names no model'),
  ]),
  starts(
    'a model of a variable that is not set',
    'model_list:\n  - model_name: a\n    litellm_params:\n      model: os.environ/NONE\n',
    [
      warning(4, 'model_list[0].litellm_params.model', 'NONE is not set'),
      warning(4, 'model_list[0].litellm_params.model', 'The deployment is skipped'),
    ],
  ),
  starts('an unknown provider', 'model_list:\n  - model_name: a\n    litellm_params:\n      model: opnai/a\n', [
    warning(4, 'model_list[0].litellm_params.model', 'Did you mean "openai"?'),
  ]),
  starts('a model without a provider', 'model_list:\n  - model_name: a\n    litellm_params:\n      model: llama-3\n', [
    warning(4, 'model_list[0].litellm_params.model', 'No installed provider answers to "llama-3"'),
  ]),
  starts(
    'an unknown custom provider',
    'model_list:\n  - model_name: a\n    litellm_params:\n      model: openai/a\n      custom_llm_provider: acme',
    [warning(5, 'model_list[0].litellm_params.custom_llm_provider', 'No installed provider answers to "acme"')],
  ),
  starts('a prefix without a name', 'model_list:\n  - model_name: a\n    litellm_params:\n      model: openai/\n', [
    warning(4, 'model_list[0].litellm_params.model', 'The deployment is skipped'),
  ]),
  starts('every model under one name', 'model_list:\n  - model_name: a\n    litellm_params: {model: "*"}\n', [
    warning(3, 'model_list[0].litellm_params.model', 'holds none'),
  ]),
  starts(
    'a weight in words',
    'model_list:\n  - model_name: a\n    litellm_params:\n      model: openai/a\n      weight: heavy',
    [warning(5, 'model_list[0].litellm_params.weight', 'not a number. The deployment is skipped')],
  ),
  starts(
    'a limit below nothing',
    'model_list:\n  - model_name: a\n    litellm_params:\n      model: openai/a\n      rpm: -1',
    [warning(5, 'model_list[0].litellm_params.rpm', 'too small. The deployment is skipped')],
  ),
  starts(
    'a price in words',
    'model_list:\n  - model_name: a\n    litellm_params:\n      model: openai/a\n      input_cost_per_token: cheap',
    [warning(5, 'model_list[0].litellm_params.input_cost_per_token', 'not a price')],
  ),
  starts(
    'a price below nothing',
    'model_list:\n  - model_name: a\n    litellm_params:\n      model: openai/a\n      output_cost_per_token: -3e-7',
    [warning(5, 'model_list[0].litellm_params.output_cost_per_token', 'not a price')],
  ),
  starts(
    'a price beyond all measure',
    'model_list:\n  - model_name: a\n    litellm_params:\n      model: openai/a\n      input_cost_per_token: 1e300',
    [warning(5, 'model_list[0].litellm_params.input_cost_per_token', 'not a price')],
  ),
  starts(
    'tags as a text',
    'model_list:\n  - model_name: a\n    litellm_params:\n      model: openai/a\n      tags: paid',
    [warning(5, 'model_list[0].litellm_params.tags', 'not a list')],
  ),
  starts(
    'a pattern that is none',
    'model_list:\n  - model_name: a\n    litellm_params:\n      model: openai/a\n      tag_regex: ["("]',
    [warning(5, 'model_list[0].litellm_params.tag_regex[0]', 'not a regular expression')],
  ),
  starts(
    'a header of two lines',
    'model_list:\n  - model_name: a\n    litellm_params:\n      model: openai/a\n      extra_headers: {x-a: "1\\r\\nx-b: 2"}',
    [warning(5, 'model_list[0].litellm_params.extra_headers.x-a', 'not a text of one line')],
  ),
  starts(
    'a header name with a space',
    'model_list:\n  - model_name: a\n    litellm_params:\n      model: openai/a\n      extra_headers: {"x a": b}',
    [warning(5, 'model_list[0].litellm_params.extra_headers["x a"]', 'holds a character')],
  ),
  starts(
    'a body that is a text',
    'model_list:\n  - model_name: a\n    litellm_params:\n      model: openai/a\n      extra_body: x',
    [warning(5, 'model_list[0].litellm_params.extra_body', 'not a block of keys')],
  ),
  starts(
    'an address of files',
    'model_list:\n  - model_name: a\n    litellm_params:\n      model: openai/a\n      api_base: file:///etc/passwd',
    [warning(5, 'model_list[0].litellm_params.api_base', 'not one of HTTP')],
  ),
  starts(
    'an address with a password',
    'model_list:\n  - model_name: a\n    litellm_params:\n      model: openai/a\n      api_base: https://me:hunter2@x/',
    [warning(5, 'model_list[0].litellm_params.api_base', 'user name or password')],
  ),
  starts(
    'an address of a variable that is not set',
    'model_list:\n  - model_name: a\n    litellm_params:\n      model: openai/a\n      api_base: os.environ/NONE',
    [
      warning(5, 'model_list[0].litellm_params.api_base', 'NONE is not set'),
      warning(5, 'model_list[0].litellm_params.api_base', 'The address has no value'),
    ],
  ),
  starts(
    'a model_info that is a text',
    'model_list:\n  - model_name: a\n    litellm_params:\n      model: openai/a\n    model_info: x',
    [warning(5, 'model_list[0].model_info', 'not a block of keys. The deployment is skipped')],
  ),
  starts(
    'two deployments of one id',
    'model_list:\n  - {model_name: a, litellm_params: {model: openai/a}, model_info: {id: x}}\n  - {model_name: b, litellm_params: {model: openai/b}, model_info: {id: x}}\n',
    [warning(3, 'model_list[1]', 'The id is that of the deployment on line 2')],
  ),
  starts(
    'the same deployment twice',
    'model_list:\n  - {model_name: a, litellm_params: {model: openai/a}}\n  - {model_name: a, litellm_params: {model: openai/a}}\n',
    [warning(3, 'model_list[1]', 'the same as the one on line 2')],
  ),
  fails('plugins as a block', 'plugins:\n  a: 1\n', [error(2, 'plugins', 'not a list')]),
  fails('a plugin without a name', 'plugins:\n  - config: {}\n', [error(2, 'plugins[0]', 'names no plugin')]),
  fails('a plugin that is a number', 'plugins: [3]\n', [error(1, 'plugins[0]', 'names no plugin')]),
  fails('a plugin by two names', 'plugins:\n  - use: a\n    path: ./b\n', [
    error(2, 'plugins[0]', 'names more than one plugin: use, path'),
  ]),
  fails('a plugin that stands twice under one name', 'plugins:\n  - a\n  - {use: ./b, as: a}\n', [
    error(3, 'plugins[1]', 'Two entries are named "a"; the first is on line 2'),
  ]),
  starts('an unknown plugin key', 'plugins:\n  - use: a\n    confg: {}\n', [
    warning(3, 'plugins[0].confg', '"config"'),
  ]),
  fails('an unknown failure rule', 'plugins:\n  - use: a\n    on_failure: ignore\n', [
    error(3, 'plugins[0].on_failure', 'none of those that are understood'),
  ]),
  fails('a plugin for nobody', 'plugins:\n  - use: a\n    for: []\n', [
    error(3, 'plugins[0].for', 'would serve nobody'),
  ]),
  fails('an instance name with a slash', 'plugins:\n  - use: a\n    as: b/c\n', [
    error(3, 'plugins[0].as', 'holds a character'),
  ]),
  starts(
    'a plugin for an unknown group',
    'model_list:\n  - model_name: a\n    litellm_params:\n      model: openai/a\nplugins:\n  - use: b\n    for: [abc]\n',
    [warning(7, 'plugins[0].for[0]', 'No model is named "abc"')],
  ),
  fails('an include that is not there', 'include:\n  - none.yaml\n', [error(2, 'include[0]', 'does not exist')]),
  fails('an include of itself', 'include: [main.yaml]\n', [error(1, 'include[0]', 'includes itself')]),
  fails('includes in a circle', 'include: [a.yaml]\n', [error(3, 'include[0]', 'includes itself')], {
    others: { 'a.yaml': 'derive: true\ninclude:\n  - main.yaml\n' },
  }),
  fails('an include that is a block', 'include: [{a: 1}]\n', [error(1, 'include[0]', 'not a text')]),
  fails('an included file that is blank', 'include: [a.yaml]\n', [error(1, '', 'The file is blank')], {
    others: { 'a.yaml': '\n' },
  }),
  fails(
    'an included block that drops the master key',
    'include: [a.yaml]\ngeneral_settings:\n  master_key: sk-1234567890',
    [error(2, 'general_settings', 'so that master_key is lost')],
    { others: { 'a.yaml': 'general_settings: {drain_timeout: 3}\n' } },
  ),
];

describe('a file with broken models, plugins or includes', () => {
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
