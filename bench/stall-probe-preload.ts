/** What --import loads; apart, so that the bench can use the types without being watched. */
import { watchStalls } from './stall-probe.js';

watchStalls();
