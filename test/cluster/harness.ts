/** The clusters of these tests; jepsen-lite runs on the same ones. */

export {
  NodeCluster as TestCluster,
  program,
  waitFor,
} from '../../jepsen-lite/node-cluster.js';
export { freeBasePort, freePorts } from '../../jepsen-lite/ports.js';
