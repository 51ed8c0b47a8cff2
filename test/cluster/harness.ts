/** The clusters of these tests; jepsen-lite runs on the same ones. */
export {
  freePorts,
  NodeCluster as TestCluster,
  program,
  waitFor,
} from '../../jepsen-lite/node-cluster.js';
