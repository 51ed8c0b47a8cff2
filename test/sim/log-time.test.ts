/** The log's time is the present, whoever leads. */
import { describe, expect, it } from 'vitest';
import { type Profile, profileOf } from './profile.js';
import { Simulation } from './simulation.js';

const quiet: Profile = {
  ...profileOf(1),
  ...{ voters: 3, spares: 0, clients: 0, evicting: false, wildWalls: false },
  ...{ loss: 0, duplicate: 0, delayMaxMs: 3, diskMs: 2, settings: {}, limits: {} },
};
const epochMs = 1_700_000_000_000;

describe('a node that leads right after it caught up', () => {
  it('goes by its wall clock, not by the entry of minutes ago that it had missed', async () => {
    const { nodes, nemesis, scheduler } = new Simulation(quiet, []);
    for (const node of nodes) node.start();
    const reach = async (reached: () => boolean) =>
      expect(await scheduler.run(scheduler.now + 10_000, reached)).toBe(true);
    await reach(() => nemesis.leader?.core?.readyToServe === true);
    await scheduler.run(scheduler.now + 1000);
    const leader = nemesis.leader!;
    const late = nodes.find((node) => node !== leader)!;
    late.crash(false);
    leader.enter(() => void leader.group!.changeSettings([['maxkeys', '100']]));
    await scheduler.run(scheduler.now + 300_000);
    late.start();
    const knowsAll = () => late.core?.lastApplied === leader.core!.lastLogIndex;
    await reach(() => knowsAll() && late.group!.settingsKnown === 'current');
    leader.enter(() => leader.host!.driver!.act((core) => core.transferLeadership(late.id)));
    await reach(() => late.core!.role === 'leader');
    const offMs = late.group!.stamp() - epochMs - scheduler.now;
    // What the rates of the clocks make of five minutes.
    expect(Math.abs(offMs)).toBeLessThan(2000);
  });
});
