/**
 * The users of this node (Redis: acl.c). They are shared settings of the log, so that all nodes
 * agree; this keeps them parsed, follows each change as it is applied, and ends the connections
 * of users that are gone. The password `requirepass` belongs to the default user of this node.
 */
import type { Clock } from '../../ports.js';
import type { Args } from '../../resp/args.js';
import { fullName } from '../../statemachine/command-spec.js';
import type { AnySpec } from '../command-table.js';
import type { Connection } from '../connection.js';
import type { Group } from '../group.js';
import type { LiveSettings } from '../live-settings.js';
import { AclChanges, type AclOutcome } from './acl-changes.js';
import { AclCommands } from './acl-commands.js';
import { faultText } from './acl-fault.js';
import { type AclEvent, AclLog } from './acl-log.js';
import { denialText, execDenialText, mayWhileLoading } from './denials.js';
import { hashPassword, isOneOf } from './passwords.js';
import type { CheckedSpec, Denial } from './selector.js';
import { User } from './user.js';
import { settingOf, storedRules, storedUser, userNameOf, userPrefix } from './user-settings.js';

export interface AclOptions {
  readonly group: Group;
  readonly live: LiveSettings;
  readonly clock: Clock;
  readonly connections: ReadonlyMap<number, Connection>;
  /** As CLIENT INFO does. */
  readonly describeClient: (connection: Connection) => string;
  readonly commands: readonly AnySpec[];
}

/** Redis: ACLCreateDefaultUser */
const defaultRules = 'on\tnopass\t~*\t&*\t+@all';
const loadingText = 'LOADING tgcache is loading the dataset in memory';

export class Acl {
  readonly log: AclLog;
  readonly commands: AclCommands;
  readonly defaultUser: User;
  private readonly users = new Map<string, User>();
  /** The text each user was made from. */
  private readonly known = new Map<string, string>();
  private readonly changes: AclChanges;
  private loading = false;
  /** Counts changes of users. */
  version = 0;

  constructor(private readonly options: AclOptions) {
    const { group, live } = options;
    this.log = new AclLog(() => live.aclLogMax);
    this.commands = new AclCommands(options.commands);
    this.changes = new AclChanges(group);
    this.defaultUser = storedUser('default', defaultRules, this.commands);
    this.users.set('default', this.defaultUser);
    group.onSettings(() => this.follow());
    this.follow();
  }

  /** Clients are the default user without saying anything (Redis: authRequired). */
  get defaultIsOpen(): boolean {
    const { enabled, noPassword } = this.defaultUser;
    return enabled && noPassword && this.options.live.requirepass === '';
  }

  /** A new connection stays authenticated whatever becomes of the default user. */
  get startsAuthenticated(): boolean {
    return this.defaultIsOpen && this.options.group.settingsKnown === 'current';
  }

  find(name: string): User | null {
    return this.users.get(name) ?? null;
  }

  /** In the order of their names. */
  get all(): readonly User[] {
    return [...this.users.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** As this node takes it: with requirepass as a password of the default user. */
  effective(user: User): User {
    const { requirepass } = this.options.live;
    if (user !== this.defaultUser || requirepass === '') return user;
    const shown = storedUser(user.name, storedRules(user), this.commands);
    shown.noPassword = false;
    shown.passwords = [...new Set([hashPassword(requirepass), ...shown.passwords])];
    return shown;
  }

  /** False, and an entry in the log, when it is no user, no password of it, or disabled. */
  authenticate(connection: Connection, name: string, password: string, args: Args): boolean {
    const user = this.find(name);
    if (user !== null && this.accepts(user, password)) {
      connection.session.user = user;
      connection.session.authenticated = true;
      return true;
    }
    this.note(connection, 'auth', args.text(0), name);
    return false;
  }

  private accepts(user: User, password: string): boolean {
    const { requirepass } = this.options.live;
    if (user !== this.defaultUser || requirepass === '') return user.accepts(password);
    const hashes = [hashPassword(requirepass), ...user.passwords];
    return isOneOf(password, hashes) && user.enabled;
  }

  /** RESET: the default user again. */
  resetUser(connection: Connection): void {
    connection.session.user = this.defaultUser;
    connection.session.authenticated = this.startsAuthenticated;
  }

  /** Null: the user may run the command. Call it unless `user.unrestricted` says so already. */
  refusal(connection: Connection, spec: CheckedSpec, args: Args): string | null {
    if (this.loading && this.options.group.settingsKnown !== 'loading') this.follow();
    if (this.loading) return mayWhileLoading(spec) ? null : loadingText;
    const denial = this.check(connection, spec, args);
    if (denial === null) return null;
    const { user } = connection.session;
    return denialText(denial, user.name, fullName(spec));
  }

  /** Of a queued command, at EXEC. */
  execRefusal(connection: Connection, spec: CheckedSpec, args: Args): string | null {
    if (connection.session.user.unrestricted) return null;
    const denial = this.check(connection, spec, args);
    return denial === null ? null : execDenialText(denial);
  }

  private check(connection: Connection, spec: CheckedSpec, args: Args): Denial | null {
    const { user } = connection.session;
    const denial = user.check(spec, args);
    if (denial === null) return null;
    const { reason, index } = denial;
    const object = reason === 'command' ? fullName(spec) : args.text(index);
    this.note(connection, reason, object, user.name);
    return denial;
  }

  private note(
    connection: Connection,
    reason: AclEvent['reason'],
    object: string,
    userName: string,
  ): void {
    const context = connection.session.queued === null ? 'toplevel' : 'multi';
    const client = this.options.describeClient(connection);
    const now = this.options.clock.wallMs();
    this.log.note({ reason, context, object, userName, client }, now);
  }

  /** ACL SETUSER */
  setUser(name: string, rules: readonly string[]): Promise<AclOutcome> {
    return this.changes.run(() => {
      const known = this.users.get(name);
      const user = new User(name, this.commands);
      if (known !== undefined) user.become(storedUser(name, storedRules(known), this.commands));
      for (const rule of rules) {
        const fault = user.change(rule);
        if (fault === null) continue;
        return { error: `ERR Error in ACL SETUSER modifier '${rule}': ${faultText(fault)}` };
      }
      return [[settingOf(name), storedRules(user)]];
    });
  }

  /** ACL DELUSER; `onCount` hears how many there were. */
  deleteUsers(names: readonly string[], onCount: (count: number) => void): Promise<AclOutcome> {
    return this.changes.run(() => {
      const present = [...new Set(names)].filter((name) => this.users.has(name));
      onCount(present.length);
      return present.map((name) => [settingOf(name), ''] as const);
    });
  }

  /** Takes over what the log says now. */
  private follow(): void {
    this.loading = this.options.group.settingsKnown === 'loading';
    const stored = new Map(this.options.group.clusterSettings(userPrefix));
    if (!stored.has(settingOf('default'))) stored.set(settingOf('default'), defaultRules);
    const changed = new Set<User>();
    for (const [setting, rules] of stored) {
      if (this.known.get(setting) === rules) continue;
      this.known.set(setting, rules);
      changed.add(this.replace(userNameOf(setting), rules));
    }
    for (const setting of this.known.keys()) {
      if (!stored.has(setting)) changed.add(this.remove(setting));
    }
    for (const user of this.users.values()) user.unrestricted = !this.loading && user.allowsAll;
    if (changed.size === 0) return;
    this.version++;
    this.endUnfit(changed);
  }

  private replace(name: string, rules: string): User {
    const made = storedUser(name, rules, this.commands);
    const user = this.users.get(name) ?? made;
    if (user !== made) user.become(made);
    this.users.set(name, user);
    return user;
  }

  private remove(setting: string): User {
    const name = userNameOf(setting);
    const user = this.users.get(name)!;
    user.deleted = true;
    user.unrestricted = false;
    this.users.delete(name);
    this.known.delete(setting);
    return user;
  }

  /** Redis: ACLFreeUserAndKillClients, ACLKillPubsubClientsIfNeeded */
  private endUnfit(changed: ReadonlySet<User>): void {
    for (const connection of [...this.options.connections.values()]) {
      const { user } = connection.session;
      if (!changed.has(user)) continue;
      // Whoever removes itself still hears that it is done.
      if (user.deleted && connection.stall === 'busy') connection.finish();
      else if (user.deleted || !mayListenOn(user, connection)) connection.close();
    }
  }
}

function mayListenOn(user: User, { subscriptions }: Connection): boolean {
  const { channels, patterns, shards } = subscriptions;
  return (
    [...channels, ...shards].every((channel) => user.mayHear(channel, false)) &&
    [...patterns].every((pattern) => user.mayHear(pattern, true))
  );
}
