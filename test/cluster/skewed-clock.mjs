// Loaded before a node (node --import): its wall clock is off by SKEW_MS.
const skewMs = Number(process.env.SKEW_MS);
const now = Date.now;
Date.now = () => now() + skewMs;
