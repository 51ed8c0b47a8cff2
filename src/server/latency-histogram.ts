/**
 * How long things took, in buckets that grow with the time: eight to each doubling, so a bucket is
 * at most an eighth off. From one microsecond to about half an hour.
 */
const bucketsPerDoubling = 8;
const doublings = 31;

export class LatencyHistogram {
  private readonly counts = new Float64Array(bucketsPerDoubling * doublings);
  /** Sum of the weights. */
  total = 0;

  /** `weight`: how many the one stands for. */
  note(us: number, weight: number): void {
    this.counts[bucketOf(us)]! += weight;
    this.total += weight;
  }

  /** Microseconds that `percent` of all stay at or below. */
  percentile(percent: number): number {
    const wanted = Math.max((this.total * percent) / 100, Number.MIN_VALUE);
    let seen = 0;
    for (let bucket = 0; bucket < this.counts.length; bucket++) {
      seen += this.counts[bucket]!;
      if (seen >= wanted) return upperUs(bucket);
    }
    return 0;
  }

  /**
   * Redis: LATENCY HISTOGRAM. Bounds in microseconds, each about twice the one before, with how
   * many stay at or below; those that none fall between are left out. The bounds are Redis',
   * whose buckets are a hundredth wider.
   */
  cumulative(): [us: number, count: number][] {
    const found: [number, number][] = [];
    let seen = 0;
    for (let doubling = 0; doubling < doublings && seen < this.total; doubling++) {
      const before = seen;
      for (let at = 0; at < bucketsPerDoubling; at++) {
        seen += this.counts[doubling * bucketsPerDoubling + at]!;
      }
      if (seen > before) found.push([Math.floor((1032 * 2 ** doubling - 1) / 1000), seen]);
    }
    return found;
  }
}

/** The first doubling holds all up to 1.024 microseconds, as Redis' first bucket does. */
function bucketOf(us: number): number {
  const place = Math.ceil((Math.log2(us / 1.024) + 1) * bucketsPerDoubling) - 1;
  // Also for what no clock can tell from nothing.
  if (!(place > 0)) return 0;
  return Math.min(place, bucketsPerDoubling * doublings - 1);
}

function upperUs(bucket: number): number {
  return 1.024 * 2 ** ((bucket + 1) / bucketsPerDoubling - 1);
}
