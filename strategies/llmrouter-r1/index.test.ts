import { poolOf } from '@rutter/plugin-sdk/rounds';
import { assertConforms, candidate, checkStrategy } from '@rutter/plugin-sdk/testing';
import { describe, expect, it } from 'vitest';
import plugin from './index.ts';
import { addressee } from './machine.ts';
import { readTurn } from './turn.ts';

it('conforms to what every strategy must hold to, with a policy and without', async () => {
  assertConforms(await checkStrategy(plugin));
  assertConforms(await checkStrategy(plugin, { config: { policy_model: 'policy' } }));
});

const search = (...searches: string[]) => ({ kind: 'search', searches });
const answer = (text: string) => ({ kind: 'answer', answer: text });
const malformed = (why: string) => ({ kind: 'malformed', why });

describe('a turn', () => {
  it.each([
    // As it should be.
    ['<think>I lack it.</think>\n<search> m: who? </search>', search('m: who?')],
    ['<think>I know.</think><answer> Paris </answer>', answer('Paris')],
    ['<search>a: 1</search>\n<search>b: 2</search>', search('a: 1', 'b: 2')],
    // Cut by a stop sequence.
    ['<search> m: who?', search('m: who?')],
    ['<answer>Paris', answer('Paris')],
    ['<search>a: 1</search> <search>b: 2', search('a: 1', 'b: 2')],
    // What the model makes up behind its own search does not count.
    ['<search>m: who?</search><information>Me.</information><answer>Me</answer>', search('m: who?')],
    ['<search>m: who?<information>Me.</information>', search('m: who?')],
    ['<search>a: 1</search> and then <search>b: 2</search>', search('a: 1')],
    ['<answer>Paris</answer><search>m: sure?</search>', answer('Paris')],
    ['<answer>Paris <search>m: sure?</search>', answer('Paris')],
    // Thoughts are no deeds.
    ['<think>maybe <answer>no</answer></think><search>m: who?</search>', search('m: who?')],
    ['<think>maybe <search>m: x</search></think><answer>yes</answer>', answer('yes')],
    ['<think>never closed <answer>yes</answer>', answer('yes')],
    ['<think>a</think>b<think>c</think><answer>d</answer>', answer('d')],
    // Spelt badly.
    ['< Search >m: who?</ SEARCH >', search('m: who?')],
    ['<ANSWER>Paris</Answer>', answer('Paris')],
    ['<answer>2 < 3 and 5 > 4</answer>', answer('2 < 3 and 5 > 4')],
    ['<answer>see <b>this</b></answer>', answer('see <b>this</b>')],
    // Against the rule.
    ['Paris', malformed('neither <search> nor <answer>')],
    ['', malformed('neither <search> nor <answer>')],
    ['</answer>Paris', malformed('neither <search> nor <answer>')],
    ['<think>only thoughts</think>', malformed('neither <search> nor <answer>')],
    ['<search></search>', malformed('an empty <search>')],
    ['<search> </search><search>', malformed('an empty <search>')],
    ['<answer>  </answer>', malformed('an empty <answer>')],
    ['<search></search><search>m: who?</search>', search('m: who?')],
    ['<information>x</information>', malformed('neither <search> nor <answer>')],
  ])('%j is read', (text, expected) => {
    expect(readTurn(text)).toMatchObject(expected);
  });

  it('is kept as far as it counts, thoughts and all', () => {
    const said = '<think>hm</think> <search>m: who?</search>';
    expect(readTurn(`${said}<information>lies</information>`)).toMatchObject({ said });
  });
});

describe('a search', () => {
  const pool = poolOf(['llama3:8b', 'vendor/gpt'].map((model) => candidate(model, {}, { model })));
  it.each([
    ['gpt: what is 1:2?', 'vendor/gpt', 'what is 1:2?'],
    ['llama3:8b: define: colon', 'llama3:8b', 'define: colon'],
    ['"GPT" : why?', 'vendor/gpt', 'why?'],
    ['gpt：为什么', 'vendor/gpt', '为什么'],
  ])('%j goes to %s', (text, name, query) => {
    expect(addressee(pool, text)).toMatchObject({ model: { name }, query });
  });

  it.each([
    ['who is it?', 'Expected the name of a model'],
    ['gpt-5: who?', 'The models are llama3:8b, vendor/gpt.'],
    ['gpt:', 'There was no question for vendor/gpt.'],
  ])('%j is answered with what was wrong', (text, told) => {
    expect(addressee(pool, text)).toContain(told);
  });
});
