// Prints {tag: {count, p50, p99, max}} of an .hlog, in milliseconds, as hdr-histogram-js reads it.
const fs = require("fs");
const hdr = require("hdr-histogram-js");

const reader = new hdr.HistogramLogReader(fs.readFileSync(process.argv[2], "utf8"));
const out = {};
for (let h = reader.nextIntervalHistogram(); h !== null; h = reader.nextIntervalHistogram()) {
  out[h.tag] = {count: h.totalCount, p50: h.getValueAtPercentile(50) / 1e6, p99: h.getValueAtPercentile(99) / 1e6, max: h.maxValue / 1e6};
}
console.log(JSON.stringify(out));
