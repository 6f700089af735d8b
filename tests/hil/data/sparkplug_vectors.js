// Payloads as the package sparkplug-payload encodes them, for a test that compares: node sparkplug_vectors.js PACKAGES.
// A line each: bytes in hex, type, and the value as its text in hex.
const payload = require(process.argv[2] + "/node_modules/sparkplug-payload").get("spBv1.0");
let state = 12345;
const random = () => (state = (state * 1103515245 + 12345) % 2147483648) / 2147483648;
const whole = (low, high) => Math.floor(low + random() * (high - low + 1));
const makers = {
  Int8: () => whole(-128, 127), Int16: () => whole(-32768, 32767), Int32: () => whole(-2147483648, 2147483647),
  Int64: () => whole(-(2 ** 50), 2 ** 50), UInt8: () => whole(0, 255), UInt16: () => whole(0, 65535), UInt32: () => whole(0, 4294967295),
  UInt64: () => whole(0, 2 ** 50), Float: () => Math.fround(random() * 1e6 - 5e5), Double: () => random() * 1e6 - 5e5,
  Boolean: () => random() < 0.5, String: () => ["", "é-1", "a/b", "x".repeat(300)][whole(0, 3)], DateTime: () => whole(0, 2 ** 42)};
for (let i = 0; i < 40; ++i) {
  for (const [type, make] of Object.entries(makers)) {
    const value = make();
    const metric = {name: "x", type, value};
    const bytes = payload.encodePayload({timestamp: 1, seq: i, metrics: [metric]});
    console.log([Buffer.from(bytes).toString("hex"), type, Buffer.from(String(value)).toString("hex")].join(" "));
  }
}
