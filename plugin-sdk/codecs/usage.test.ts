import { describe, expect, it } from 'vitest';
import { readUsage as readAnthropic } from './anthropic/usage.ts';
import { readUsage as readGemini } from './gemini/usage.ts';
import { OpenAiRelay } from './openai/relay.ts';
import { readUsage, writeUsage } from './openai/usage.ts';

describe('usage in the OpenAI shape', () => {
  const found = {
    prompt_tokens: 100,
    completion_tokens: 50,
    prompt_tokens_details: {
      cached_tokens: 40,
      cached_tokens_details: { audio_tokens: 5, image_tokens: 10 },
      audio_tokens: 15,
      image_tokens: 30,
      video_tokens: 7,
    },
    completion_tokens_details: { reasoning_tokens: 10, audio_tokens: 8, image_tokens: 12 },
  };

  it('is divided so that no token is counted twice', () => {
    const usage = readUsage(found, 'flex');
    expect(usage).toEqual({
      input: 23,
      output: 20,
      cachedInput: 25,
      cachedAudioInput: 5,
      cachedImageInput: 10,
      audioInput: 10,
      imageInput: 20,
      videoInput: 7,
      reasoning: 10,
      audioOutput: 8,
      imageOutput: 12,
      serviceTier: 'flex',
    });
    expect(writeUsage(usage!)).toMatchObject(found);
  });

  it.each([
    [{ num_search_queries: 3 }, { searches: 3 }],
    [{ search_context_size: 'low' }, { searches: 1, searchContext: 'low' }],
    [{ server_tool_use: { web_search_requests: 2 } }, { searches: 2 }],
    [{ search_context_size: 'vast' }, {}],
  ])('with %j tells searches as %j', (more, searches) => {
    expect(readUsage({ prompt_tokens: 1, completion_tokens: 1, ...more })).toEqual({
      input: 1,
      output: 1,
      ...searches,
    });
  });
});

describe('the tier of service in bytes that pass', () => {
  const event = (fields: object) => Buffer.from(`data: ${JSON.stringify({ choices: [], ...fields })}\n\n`);
  const usage = { prompt_tokens: 1, completion_tokens: 1 };

  it('is the one beside the usage of a stream', () => {
    const relay = new OpenAiRelay({ model: undefined, includeUsage: false });
    relay.push(event({ service_tier: 'auto' }));
    relay.push(event({ service_tier: 'priority', usage }));
    expect(relay.usage?.serviceTier).toBe('priority');
  });

  it('is the only one that was told', () => {
    const relay = new OpenAiRelay({ model: undefined, includeUsage: false });
    relay.push(event({ service_tier: 'flex' }));
    relay.push(event({ service_tier: null, usage }));
    expect(relay.usage?.serviceTier).toBe('flex');
  });

  it('is read of a whole reply', () => {
    const relay = new OpenAiRelay({ model: undefined, includeUsage: true });
    relay.whole(Buffer.from(JSON.stringify({ choices: [{}], service_tier: 'priority', usage })));
    expect(relay.usage).toEqual({ input: 1, output: 1, serviceTier: 'priority' });
  });
});

describe('usage as Anthropic tells it', () => {
  it('has searches, the tier, and what raised the price', () => {
    const found = {
      input_tokens: 1,
      output_tokens: 2,
      server_tool_use: { web_search_requests: 4, web_fetch_requests: 1 },
      service_tier: 'priority',
      inference_geo: 'us',
      speed: 'fast',
    };
    expect(readAnthropic(found, '')).toEqual({
      input: 1,
      output: 2,
      searches: 4,
      serviceTier: 'priority',
      uplifts: ['us', 'fast'],
    });
  });

  it('says nothing of the usual place and speed', () => {
    const found = { input_tokens: 1, output_tokens: 2, inference_geo: 'global', speed: 'standard' };
    expect(readAnthropic(found, '')).toEqual({ input: 1, output: 2 });
  });
});

describe('usage as Gemini tells it', () => {
  it('is divided by what the tokens are of', () => {
    const found = {
      promptTokenCount: 100,
      candidatesTokenCount: 40,
      totalTokenCount: 140,
      cachedContentTokenCount: 20,
      promptTokensDetails: [
        { modality: 'TEXT', tokenCount: 40 },
        { modality: 'IMAGE', tokenCount: 30 },
        { modality: 'VIDEO', tokenCount: 20 },
        { modality: 'AUDIO', tokenCount: 10 },
      ],
      cacheTokensDetails: [
        { modality: 'TEXT', tokenCount: 15 },
        { modality: 'IMAGE', tokenCount: 5 },
      ],
      candidatesTokensDetails: [{ modality: 'IMAGE', tokenCount: 25 }],
    };
    expect(readGemini(found)).toEqual({
      input: 25,
      output: 15,
      cachedInput: 20,
      audioInput: 10,
      imageInput: 25,
      videoInput: 20,
      imageOutput: 25,
    });
  });
});
