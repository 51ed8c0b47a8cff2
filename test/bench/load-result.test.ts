import { describe, expect, it } from 'vitest';
import { loadResult, Recorder } from '../../bench/load-result.js';

describe('the result of a load in several threads', () => {
  it('adds up their rates and takes percentiles over all their latencies', () => {
    const threads = [1, 3].map((latencyMs) => {
      const recorder = new Recorder();
      recorder.record(100, 16);
      recorder.start();
      for (let at = 0; at < 1000; at++) recorder.record(latencyMs, 16);
      return { ...recorder.stop(), seconds: 2 };
    });
    const result = loadResult(threads, 0.064);
    expect(result.opsPerSecond).toBe(16_000);
    expect(result.cpuSecondsPerMillion).toBeCloseTo(2);
    expect(result.p50Ms).toBeCloseTo(1, 2);
    expect(result.p99Ms).toBeCloseTo(3, 1);
    expect(result.maxMs).toBeLessThan(4);
  });
});
