import { describe, expect, it } from 'vitest';
import { CatchUp } from '../../src/node/catch-up.js';

const learner = (matchIndex: number, recentlyActive = true) => ({ matchIndex, recentlyActive });

describe('requirement 52: CatchUp (dissertation 4.2.1)', () => {
  it('asks for a whole round within the time, not for any match', () => {
    const catchUp = new CatchUp(100);
    expect(catchUp.look(0, 50, learner(50))).toBe(false);
    expect(catchUp.look(10, 60, learner(50))).toBe(true);
  });

  it('a round is what the log held when it began, however much comes meanwhile', () => {
    const catchUp = new CatchUp(100);
    catchUp.look(0, 5000, learner(0));
    expect(catchUp.look(90, 9000, learner(4999))).toBe(false);
    expect(catchUp.look(100, 9500, learner(5000))).toBe(true);
  });

  it('a long round does not count, the next short one does', () => {
    const catchUp = new CatchUp(100);
    catchUp.look(0, 5000, learner(0));
    expect(catchUp.look(101, 9000, learner(5000))).toBe(false);
    expect(catchUp.look(150, 9100, learner(8999))).toBe(false);
    expect(catchUp.look(180, 9200, learner(9000))).toBe(true);
  });

  it('who falls behind again is no longer caught up', () => {
    const catchUp = new CatchUp(100);
    catchUp.look(0, 10, learner(10));
    expect(catchUp.look(10, 20, learner(10))).toBe(true);
    expect(catchUp.look(60, 500, learner(15))).toBe(true);
    expect(catchUp.look(111, 900, learner(15))).toBe(false);
  });

  it('who is silent or unknown begins anew', () => {
    const catchUp = new CatchUp(100);
    catchUp.look(0, 10, learner(10));
    expect(catchUp.look(10, 10, learner(10, false))).toBe(false);
    expect(catchUp.look(20, 10, learner(10))).toBe(false);
    expect(catchUp.look(30, 10, undefined)).toBe(false);
    expect(catchUp.look(40, 10, learner(10))).toBe(false);
    expect(catchUp.look(50, 10, learner(10))).toBe(true);
  });
});
