/** The first half of the thousand seeds (requirement 67); two files, since two run at once. */
import { testSeeds } from './test-seeds.js';

testSeeds(1, 500);
