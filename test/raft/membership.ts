/** Wanted configurations for tests: with one node more, promoted, or less. */
import type { Configuration, NodeId } from '../../src/raft/types.js';
import { configurationOf } from './support.js';

export function withLearner(
  configuration: Configuration,
  id: NodeId,
  as: 'learn' | 'promote',
): Configuration {
  const { voters } = configuration;
  const learners = configuration.learners.filter((learner) => learner !== id);
  if (as === 'learn') return configurationOf(voters, [...learners, id]);
  return configurationOf([...voters, id], learners);
}

export function without(configuration: Configuration, id: NodeId): Configuration {
  return configurationOf(
    configuration.voters.filter((voter) => voter !== id),
    configuration.learners.filter((learner) => learner !== id),
  );
}
