import { describe, expect, it } from 'vitest';
import { nodeConfig } from '../../src/config.js';
import { Neighbourhood } from '../../src/node/neighbourhood.js';
import type { PeerHello } from '../../src/ports.js';
import type { RaftCore } from '../../src/raft/raft.js';
import { Bench, configurationOf, memberOf, restoredLog, three } from '../raft/support.js';
import { helloOf } from '../transport/peer-fixtures.js';
import { FakeClock } from './fake-clock.js';

const alive = new Set<string>();

function neighbourhood(options: Record<string, string>, core: RaftCore | null = null) {
  const given = Object.entries({ id: 'n1', 'data-dir': 'd', ...options });
  const seen: string[][] = [];
  const made = new Neighbourhood({
    config: nodeConfig(given.map(([name, value]) => ({ name, value, from: 'test' }))),
    identity: () => ({
      nodeId: 'n1',
      clusterId: 'cluster-1',
      incarnation: 'n1-1',
      term: 0,
      votedFor: null,
    }),
    core: () => core,
    isAlive: (id) => alive.has(id),
    leaseMs: () => 0,
    introduce: () => new Promise(() => {}),
    clock: new FakeClock(),
    logger: { info: () => {} },
    onPeers: (peers) => seen.push(peers.map(({ id }) => id)),
  });
  return { made, seen };
}

function coreOf(configuration: Parameters<typeof configurationOf>[0], commit = 1): RaftCore {
  return new Bench('n1', restoredLog({ configuration: configurationOf(configuration), commit }))
    .core;
}

describe('Neighbourhood', () => {
  it('follows --initial-cluster only until the log names members', () => {
    const initial = { 'initial-cluster': 'n1=h:1,n2=h:2,n3=h:3' };
    const fresh = neighbourhood(initial);
    fresh.made.start(false);
    expect(fresh.seen.at(-1)).toEqual(['n1', 'n2', 'n3']);
    const core = coreOf(['n1', 'n4']);
    const later = neighbourhood(initial, core);
    later.made.started(core);
    expect(later.seen.at(-1)).toEqual(['n1', 'n4']);
  });

  it('says where its configuration is committed, and does not go back to an older one', () => {
    const { made } = neighbourhood({}, coreOf(['n1', 'n2']));
    made.started(coreOf(['n1', 'n2'], 0));
    expect(made.hello()).toMatchObject({ configurationIndex: 0, joining: false });
    expect(made.committed(three, 7)).toBe(true);
    expect(made.committed(configurationOf(['n1']), 3)).toBe(false);
    expect(made.hello()).toMatchObject({ configurationIndex: 7, configuration: three });
  });

  it('asks to join until it is a member with its own directory', () => {
    const { made } = neighbourhood({ join: 'h:9' });
    made.start(false);
    expect(made.hello().joining).toBe(true);
    made.committed(configurationOf(['n2']), 1);
    expect(made.hello().joining).toBe(true);
    made.committed(configurationOf(['n2'], ['n1']), 2);
    expect(made.hello().joining).toBe(false);
  });

  it('does not ask again once it was a member', () => {
    const { made } = neighbourhood({ join: 'h:9' });
    made.start(true);
    expect(made.hello().joining).toBe(false);
  });

  it('requirement 7: refuses other clusters, taken ids and a second node of one id', () => {
    const { made } = neighbourhood({});
    made.committed(three, 1);
    const refusal = (changes: Partial<PeerHello>) =>
      made.refusal({ ...helloOf('n2'), ...memberOf('n2'), ...changes });
    expect(refusal({})).toBeNull();
    expect(refusal({ clusterId: 'another' })).toContain('this is cluster cluster-1');
    const elsewhere = { incarnation: 'x', peerAddress: 'h:2' };
    expect(refusal({ ...elsewhere, joining: true })).toContain('choose another id');
    expect(refusal({ ...elsewhere })).toBeNull();
    alive.add('n2');
    expect(refusal({ incarnation: 'x' })).toContain('alive with another data directory');
    expect(refusal({})).toBeNull();
  });
});
