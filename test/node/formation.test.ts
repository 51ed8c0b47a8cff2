import { describe, expect, it } from 'vitest';
import { clusterIdOf, Formation, firstConfiguration } from '../../src/node/formation.js';
import type { PeerHello } from '../../src/ports.js';
import type { Configuration } from '../../src/raft/types.js';

const initial = ['n1', 'n2', 'n3'].map((id, at) => ({
  id,
  peerAddress: `127.0.0.1:${17001 + at}`,
}));

function hello(
  nodeId: string,
  incarnation: string,
  formed: { clusterId: string; configuration: Configuration } | null = null,
): PeerHello {
  return {
    nodeId,
    incarnation,
    peerAddress: initial.find((member) => member.id === nodeId)!.peerAddress,
    clusterId: formed?.clusterId ?? null,
    configuration: formed?.configuration ?? null,
    configurationIndex: 0,
    joining: false,
    clientAddress: '127.0.0.1:7001',
    httpAddress: null,
    zone: null,
    location: null,
    leaseMs: 0,
  };
}

function formed(incarnations: Record<string, string>) {
  const configuration = firstConfiguration(
    initial.map((member) => ({ ...member, incarnation: incarnations[member.id]! })),
  );
  return { clusterId: clusterIdOf(configuration), configuration };
}

describe('Formation', () => {
  it('waits until every initial member has been met', () => {
    const formation = new Formation({ id: 'n1', incarnation: 'a' }, initial);
    expect(formation.hear(hello('n2', 'b'))).toEqual({ kind: 'wait', missing: ['n3'] });
  });

  it('gives the same configuration and cluster id on every node', () => {
    const incarnations = { n1: 'a', n2: 'b', n3: 'c' };
    const verdicts = initial.map(({ id }) => {
      const formation = new Formation({ id, incarnation: incarnations[id as 'n1'] }, initial);
      for (const other of initial) {
        if (other.id !== id) formation.hear(hello(other.id, incarnations[other.id as 'n1']));
      }
      return formation.verdict();
    });
    expect(verdicts[0]!.kind).toBe('bootstrap');
    expect(verdicts[1]).toEqual(verdicts[0]);
    expect(verdicts[2]).toEqual(verdicts[0]);
  });

  it('follows a peer that formed the cluster a moment earlier with this very directory', () => {
    const formation = new Formation({ id: 'n2', incarnation: 'b' }, initial);
    const first = formed({ n1: 'a', n2: 'b', n3: 'c' });
    expect(formation.hear(hello('n1', 'a', first))).toEqual({ kind: 'bootstrap', ...first });
  });

  it('requirement 8: a lost directory is no member, whatever --initial-cluster says', () => {
    const formation = new Formation({ id: 'n3', incarnation: 'new' }, initial);
    const first = formed({ n1: 'a', n2: 'b', n3: 'c' });
    const verdict = formation.hear(hello('n1', 'a', first));
    expect(verdict).toEqual({ kind: 'adopt', clusterId: first.clusterId });
  });

  it('a member that missed the start waits for entries once the membership moved on', () => {
    const formation = new Formation({ id: 'n3', incarnation: 'c' }, initial);
    const first = formed({ n1: 'a', n2: 'b', n3: 'c' });
    const later = { ...first.configuration, voters: ['n1', 'n3'] };
    later.members = later.members.filter((member) => member.id !== 'n2');
    const verdict = formation.hear(hello('n1', 'a', { ...first, configuration: later }));
    expect(verdict).toEqual({ kind: 'adopt', clusterId: first.clusterId });
  });
});
