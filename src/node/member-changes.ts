/**
 * Changes of the members that an operator asks for, carried out by the leader. Each is answered
 * when it is committed; what was refused did not and will not happen.
 */
import { formatHostPort, parseMember } from '../config.js';
import { TgError } from '../errors.js';
import type { Clock } from '../ports.js';
import type { RaftCore } from '../raft/raft.js';
import type { Configuration, Member } from '../raft/types.js';
import type { Refusal } from '../server/group.js';
import type { MemberOutcome, MemberRow, Membership } from '../server/membership.js';
import type { ClusterView } from './cluster-view.js';
import { keepsQuorum, memberOf, promoted, withLearner, without } from './configuration-changes.js';
import type { GroupDriver } from './group-driver.js';
import { handOver, heirOf } from './hand-over.js';
import { type Holdable, whileHeld } from './hold.js';
import type { Intake } from './intake.js';
import { until } from './until.js';

export interface MemberChangesOptions {
  /** Null while this node belongs to no cluster. */
  readonly driver: () => GroupDriver | null;
  readonly intake: Intake;
  readonly view: ClusterView;
  readonly clients: Holdable;
  readonly clock: Clock;
}

interface Plan {
  readonly wanted: Configuration;
  readonly note: string;
}

/** How long a change may take to be committed before its outcome is called uncertain. */
const commitMs = 5000;
/** Longer than a transfer goes on before the leader gives it up. */
const transferMs = 5000;

export class MemberChanges implements Membership {
  constructor(private readonly options: MemberChangesOptions) {}

  list(stale: boolean): readonly MemberRow[] | Refusal {
    const refusal = this.refusal();
    if (refusal !== null && !(stale && this.core !== null)) return refusal;
    const status = this.core!.status();
    const { members, learners } = status.committedConfiguration;
    const matched = new Map(status.peers.map((peer) => [peer.id, peer.matchIndex]));
    return members.map((member) => {
      const { id, peerAddress } = member;
      const match = id === status.id ? status.lastLogIndex : matched.get(id);
      return {
        ...{ id, peerAddress, staysLearner: member.staysLearner === true },
        role:
          id === status.leader
            ? 'leader'
            : learners.includes(id)
              ? 'learner'
              : ('follower' as const),
        clientAddress: this.clientAddress(id),
        connected: this.options.view.isConnected(id),
        lag: match === undefined ? null : status.lastLogIndex - match,
      };
    });
  }

  add(id: string, address: string, staysLearner: boolean): Promise<MemberOutcome> {
    return this.change((core) => {
      const wrong = invalid(id, address);
      if (wrong !== null) return failed(`ERR ${wrong}`);
      const { configuration } = core;
      const known = memberOf(configuration, id);
      if (known?.peerAddress === address) return done(`${id} is a ${roleIn(configuration, id)}`);
      if (known !== undefined) {
        return failed(`ERR ${id} is the member at ${known.peerAddress}: remove it first`);
      }
      const other = configuration.members.find(({ peerAddress }) => peerAddress === address);
      if (other !== undefined) return failed(`ERR ${address} is the address of ${other.id}`);
      const incarnation = this.options.intake.incarnationOf(id) ?? '';
      const member: Member = { id, peerAddress: address, incarnation };
      const wanted = withLearner(configuration, staysLearner ? kept(member) : member);
      const later = staysLearner ? '' : '; it becomes a voter once it has caught up';
      return { wanted, note: `${id} is a learner${later}` };
    });
  }

  promote(id: string): Promise<MemberOutcome> {
    return this.change((core) => {
      const { configuration } = core;
      if (memberOf(configuration, id) === undefined) return failed(`ERR ${id} is no member`);
      if (!configuration.learners.includes(id)) return done(`${id} is a voter`);
      if (!this.options.intake.isCaughtUp(id)) {
        return failed(`TRYAGAIN ${id} has not caught up yet`);
      }
      const wanted = promoted(configuration, id);
      return this.quorumFault(core, wanted) ?? { wanted, note: `${id} is a voter` };
    });
  }

  async remove(id: string): Promise<MemberOutcome> {
    const { driver, clients, clock } = this.options;
    const { core } = this;
    const leads = core?.role === 'leader' && core.id === id;
    if (leads && isPlan(this.removal(core, id))) {
      // Its clients have a new leader at once; that one then carries out the removal.
      const reachable = (peer: string) => this.options.view.reachable(core).has(peer);
      await handOver({ driver: driver()!, clients, clock, reachable, withinMs: transferMs });
      await until(clock, transferMs, () => core.leader !== null);
    }
    return this.change((leader) => this.removal(leader, id));
  }

  async transferLeadership(to: string | null): Promise<MemberOutcome> {
    const refusal = this.refusal();
    if (refusal !== null) return { kind: 'refused', refusal };
    const core = this.core!;
    if (to === core.id) return done(`${to} leads`);
    const reachable = (peer: string) => this.options.view.reachable(core).has(peer);
    const target = to ?? heirOf(core, reachable);
    if (target === null) return failed('ERR no other voter is reachable');
    if (memberOf(core.configuration, target) === undefined) {
      return failed(`ERR ${target} is no member`);
    }
    if (!core.configuration.voters.includes(target)) return failed(`ERR ${target} is a learner`);
    if (!reachable(target)) {
      const code = this.options.view.isConnected(target) ? 'TRYAGAIN' : 'ERR';
      return failed(`${code} ${target} is not reachable`);
    }
    const { clients, clock } = this.options;
    return whileHeld({ clients, clock, idleWithinMs: transferMs / 2 }, () =>
      this.transferTo(core, target),
    );
  }

  private async transferTo(core: RaftCore, target: string): Promise<MemberOutcome> {
    const before = this.refusal();
    if (before !== null) return { kind: 'refused', refusal: before };
    let begun = false;
    this.options.driver()!.act(() => {
      begun = core.transferLeadership(target);
    });
    if (!begun) return failed('TRYAGAIN another transfer of leadership is under way');
    const settled = () =>
      core.role === 'leader' ? core.transferTarget === null : core.leader !== null;
    await until(this.options.clock, transferMs, settled);
    if (core.leader === target) return done(`${target} leads`);
    if (core.role === 'leader') return failed(`TRYAGAIN ${target} did not take over in time`);
    return failed(`TRYAGAIN ${core.leader ?? 'nobody'} leads instead of ${target}`);
  }

  private get core(): RaftCore | null {
    return this.options.driver()?.core ?? null;
  }

  private refusal(): Refusal | null {
    const { core } = this;
    if (core === null) return 'no-leader';
    if (core.role === 'leader') return null;
    return core.leader === null ? 'no-leader' : 'not-leader';
  }

  private removal(core: RaftCore, id: string): MemberOutcome | Plan {
    const { configuration } = core;
    if (memberOf(configuration, id) === undefined) return done(`${id} is no member`);
    const wanted = without(configuration, id);
    if (wanted.voters.length === 0) return failed(`ERR ${id} is the only voter`);
    const fault = configuration.voters.includes(id) ? this.quorumFault(core, wanted) : null;
    if (fault !== null) return fault;
    this.options.intake.decline(id);
    return { wanted, note: `${id} is no member any more` };
  }

  private async change(plan: (core: RaftCore) => MemberOutcome | Plan): Promise<MemberOutcome> {
    const refusal = this.refusal();
    if (refusal !== null) return { kind: 'refused', refusal };
    const driver = this.options.driver()!;
    // What is not committed may be undone yet: it is no answer, and no ground to build on.
    if (driver.core.configurationIndex > driver.core.commitIndex) return pending;
    const planned = plan(driver.core);
    if (!isPlan(planned)) return planned;
    return this.propose(driver, planned);
  }

  private async propose(driver: GroupDriver, { wanted, note }: Plan): Promise<MemberOutcome> {
    const { core } = driver;
    const proposal = core.changeConfiguration(wanted);
    driver.schedule();
    if (!proposal.ok) {
      if (proposal.reason === 'illegal') return failed('ERR this change is not possible');
      return proposal.reason === 'not-leader'
        ? { kind: 'refused', refusal: 'not-leader' }
        : pending;
    }
    const { index, term } = proposal;
    const known = await until(this.options.clock, commitMs, () => core.commitIndex >= index);
    if (!known) return uncertain;
    // A leader undoes nothing, and the entry may have left its memory.
    if (core.role === 'leader' && core.term === term) return done(note);
    const found = core.termAt(index);
    if (found === null) return uncertain;
    return found === term ? done(note) : failed('TRYAGAIN another leader undid the change');
  }

  /**
   * Worth another try where voters are connected and have not answered this leader yet: it may
   * lead only since the leader before it was asked to remove itself.
   */
  private quorumFault(core: RaftCore, wanted: Configuration): MemberOutcome | null {
    const answering = this.options.view.reachable(core);
    if (keepsQuorum(wanted, answering)) return null;
    const silent = wanted.voters.filter((voter) => !answering.has(voter));
    const soon = silent.filter((voter) => this.options.view.isConnected(voter));
    const code = keepsQuorum(wanted, new Set([...answering, ...soon])) ? 'TRYAGAIN' : 'ERR';
    return failed(
      `${code} of the voters ${wanted.voters.join(', ')} only a minority would be reachable ` +
        `(not now: ${silent.join(', ')}); bring them back or remove them first`,
    );
  }

  private clientAddress(id: string): string | null {
    const address = this.options.view.address(id);
    return address === null ? null : formatHostPort(address);
  }
}

const pending = failed('TRYAGAIN another change of the members or the leader is under way');
const uncertain = failed(
  'UNCERTAIN the change was not committed in time; it may or may not take effect',
);

function isPlan(planned: MemberOutcome | Plan): planned is Plan {
  return 'wanted' in planned;
}

function done(note: string): MemberOutcome {
  return { kind: 'done', note };
}

function failed(text: string): MemberOutcome {
  return { kind: 'error', text };
}

function invalid(id: string, address: string): string | null {
  try {
    parseMember({ name: 'the member', value: `${id}=${address}`, from: 'MEMBER ADD' });
    return null;
  } catch (error) {
    if (error instanceof TgError) return error.message;
    throw error;
  }
}

function kept(member: Member): Member {
  return { ...member, staysLearner: true };
}

function roleIn(configuration: Configuration, id: string): string {
  return configuration.learners.includes(id) ? 'learner already' : 'voter already';
}
