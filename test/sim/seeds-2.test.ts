/** The second half of the thousand seeds. */
import { testSeeds } from './test-seeds.js';

testSeeds(501, 500);
